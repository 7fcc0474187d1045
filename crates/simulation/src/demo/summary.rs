//! Summary of the demo in a few lines of text, from the read models. Prints nothing itself.

use std::fmt::Write;

use domain::delivery::DeliveryStatus;
use domain::demo_data;
use domain::ids::{IngredientCode, PizzeriaId};
use domain::order::OrderStatus;
use messages::labels::{self, Lang};
use projections::deliveries::{self, DeliveryFilter, DeliverySort};
use projections::page::{PageArgs, PageError};
use projections::{order_details, stock_levels};
use sqlx::PgPool;

use super::people;
use super::traffic::Tally;

/// Deliveries named in a summary; the others are counted.
const MAX_NAMED_DELIVERIES: usize = 4;
/// Low ingredients named in a summary; the others are counted.
const MAX_NAMED_INGREDIENTS: usize = 6;

/// State of the demo at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Number of orders by status, without zeros.
    pub orders: Vec<(OrderStatus, i64)>,
    /// Low stock: pizzeria, ingredient and available quantity.
    pub low: Vec<(PizzeriaId, IngredientCode, i64)>,
    /// The most urgent deliveries under way: number, status and courier; at most 100.
    pub under_way: Vec<(String, DeliveryStatus, String)>,
}

/// The read models could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the read models cannot be read")]
pub struct SummaryError(#[from] PageError);

impl From<sqlx::Error> for SummaryError {
    fn from(error: sqlx::Error) -> Self {
        Self(error.into())
    }
}

impl Summary {
    /// Reads the read models.
    ///
    /// # Errors
    /// [`SummaryError`] when the database does not answer.
    pub async fn gather(pool: &PgPool) -> Result<Self, SummaryError> {
        let pizzerias: Vec<PizzeriaId> =
            demo_data::pizzerias().into_iter().map(|opening| opening.pizzeria).collect();
        let stocks = stock_levels::by_pizzerias(pool, &pizzerias).await?;
        let low = stocks.iter().flat_map(|row| {
            let low = row.stock.levels().filter(|(_, level)| level.low);
            low.map(|(code, level)| (row.pizzeria.clone(), code.clone(), level.shown().available()))
        });
        let statuses = vec![DeliveryStatus::Assigned, DeliveryStatus::PickedUp, DeliveryStatus::Failed];
        let filter = DeliveryFilter { statuses, ..DeliveryFilter::default() };
        let args = PageArgs::new(Some(100), None, None, None)?;
        let page = deliveries::page(pool, &filter, DeliverySort::PromisedAtAsc, &args).await?;
        let names = people::accounts();
        let under_way = page.items.into_iter().map(|item| {
            let delivery = item.node.delivery;
            let courier = delivery.courier().and_then(|id| names.iter().find(|account| account.id == id.0));
            let courier = courier.map(|account| account.display_name.clone()).unwrap_or_default();
            (delivery.number.clone(), delivery.status(), courier)
        });
        Ok(Self {
            low: low.collect(),
            under_way: under_way.collect(),
            orders: order_details::counts(pool).await?,
        })
    }

    /// Returns at most 14 lines for a terminal.
    pub fn screen(&self, tally: Option<&Tally>) -> Vec<String> {
        let is_open = |(status, _): &&(OrderStatus, i64)| !status.is_closed();
        let open: Vec<String> = self.orders.iter().filter(is_open).map(count).collect();
        let closed: Vec<String> = self.orders.iter().filter(|each| !is_open(each)).map(count).collect();
        let mut lines = vec![
            row("Open orders", &or_none(open)),
            row("Closed", &or_none(closed)),
            row("Stock low", &self.low_words()),
            row("Deliveries", &format!("{} under way", self.under_way.len())),
        ];
        lines.extend(self.under_way.iter().take(MAX_NAMED_DELIVERIES).map(|(number, status, courier)| {
            row("", &format!("{number} {}, {courier}", labels::delivery_status(*status, Lang::En)))
        }));
        if let Some(tally) = tally {
            lines.push(row("Evening", &evening(tally)));
            let latest = tally.latest.iter().enumerate();
            lines.extend(latest.map(|(at, what)| row(if at == 0 { "Just now" } else { "" }, what)));
        }
        lines
    }

    /// Returns one line for a log.
    pub fn line(&self, tally: Option<&Tally>) -> String {
        let orders = or_none(self.orders.iter().map(count).collect());
        let mut line = format!(
            "orders: {orders} | stock low: {} | deliveries under way: {}",
            self.low_words(),
            self.under_way.len()
        );
        if let Some(tally) = tally {
            // Writing to a String cannot fail.
            let _ = write!(line, " | evening: {}", evening(tally));
        }
        line
    }

    fn low_words(&self) -> String {
        let named = self.low.iter().take(MAX_NAMED_INGREDIENTS);
        let mut words: Vec<String> =
            named.map(|(pizzeria, code, available)| format!("{pizzeria} {code} {available}")).collect();
        if self.low.len() > MAX_NAMED_INGREDIENTS {
            words.push(format!("and {} more", self.low.len() - MAX_NAMED_INGREDIENTS));
        }
        or_none(words)
    }
}

fn row(heading: &str, text: &str) -> String {
    format!("{heading:<12} {text}")
}

fn count((status, orders): &(OrderStatus, i64)) -> String {
    format!("{} {orders}", status.as_str())
}

fn or_none(words: Vec<String>) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(" · ") }
}

fn evening(tally: &Tally) -> String {
    let refusals: u64 = tally.refusals.values().sum();
    let mut text = format!("{} steps, {refusals} refused, {} errors", tally.done, tally.errors);
    if !tally.refusals.is_empty() {
        let codes: Vec<String> =
            tally.refusals.iter().map(|(code, times)| format!("{code} {times}")).collect();
        let _ = write!(text, " ({})", codes.join(", "));
    }
    if let Some(error) = &tally.last_error {
        let _ = write!(text, "; last error: {error}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        let low = |code: &str| ("P1".parse().unwrap(), code.parse().unwrap(), 76);
        Summary {
            orders: vec![(OrderStatus::Placed, 2), (OrderStatus::Delivered, 31)],
            low: ["A", "B", "C", "D", "E", "F", "GOAT_CHEESE", "H"].map(low).to_vec(),
            under_way: vec![("P1-000012".to_owned(), DeliveryStatus::PickedUp, "Karim Rossi".to_owned()); 9],
        }
    }

    #[test]
    fn a_screen_is_never_longer_than_a_small_terminal() {
        let mut tally = Tally { done: 120, ..Tally::default() };
        tally.latest.extend(["a", "b", "c", "d", "e"].map(str::to_owned));
        let lines = summary().screen(Some(&tally));
        assert_eq!(lines.len(), 14);
        assert_eq!(lines[0], "Open orders  PLACED 2");
        assert_eq!(lines[1], "Closed       DELIVERED 31");
        assert!(lines[2].ends_with(" · P1 F 76 · and 2 more"), "{}", lines[2]);
        assert_eq!(lines[3], "Deliveries   9 under way");
        assert_eq!(lines[8], "Evening      120 steps, 0 refused, 0 errors");
        assert_eq!(lines[9], "Just now     a");
    }

    #[test]
    fn a_line_says_everything_and_what_went_wrong() {
        let mut tally = Tally { errors: 1, last_error: Some("timeout".to_owned()), ..Tally::default() };
        tally.refusals.insert("TOO_LATE".to_owned(), 2);
        let nothing = Summary { orders: Vec::new(), low: Vec::new(), under_way: Vec::new() };
        assert_eq!(
            nothing.line(Some(&tally)),
            "orders: none | stock low: none | deliveries under way: 0 | \
             evening: 0 steps, 2 refused, 1 errors (TOO_LATE 2); last error: timeout"
        );
    }
}
