//! A refusal by the domain as the payloads show it: a code, words, and the numbers behind them.
//! A fault is not a user error: see [`crate::error`].

use async_graphql::{ID, SimpleObject};
use domain::Cents;
use domain::account::AccountError;
use domain::delivery::DeliveryError;
use domain::ids::IngredientCode;
use domain::order::{LinePart, OrderError};
use domain::pizzeria::PizzeriaError;
use domain::staff::StaffError;
use domain::stock::StockError;
use domain::usecase::{BasketLine, Refusal};
use messages::labels::Lang;
use messages::refusals::{message, shortage};

use crate::field_access::open;
use crate::ids::GlobalId;
use crate::types::actions::OrderAction;
use crate::types::user_error_code::UserErrorCode;
use crate::types::user_error_detail::{self, MissingIngredient, UserErrorDetail};

/// Why a command was refused: by its input, or by the state of things. Nothing but the refusal itself was
/// stored, and often not even that.
#[derive(Debug, Clone, PartialEq, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct UserError {
    /// The code, for programs.
    pub code: UserErrorCode,
    /// The message, in French or English by `Accept-Language`.
    pub message: String,
    /// The path of the input, from the argument down, with the index of the line if it is known:
    /// `["input", "lines", "0", "item"]`; `null` if it is about the object itself.
    pub field: Option<Vec<String>>,
    /// The values that explain the error.
    pub detail: UserErrorDetail,
}

impl UserError {
    /// From a refusal. `actions` are those of the thing as it is now; the enabled ones are shown
    /// when its state is what stands in the way.
    pub fn new(refusal: &Refusal, lang: Lang, actions: Vec<OrderAction>) -> Self {
        let mut detail = user_error_detail::of(refusal);
        if detail.order_status.is_some() || detail.delivery_status.is_some() {
            detail.allowed_actions = actions.into_iter().filter(|action| action.enabled).collect();
        }
        Self { code: refusal.code().into(), message: message(refusal, lang), field: field(refusal), detail }
    }
}

impl UserError {
    /// For a caller who may not know how much a pizzeria has left: shortages are named without exact figures.
    #[must_use]
    pub fn without_stock_figures(mut self, refusal: &Refusal, lang: Lang) -> Self {
        if let Refusal::Order(
            OrderError::InsufficientStock { missing } | OrderError::RefusalNotStored { missing },
        ) = refusal
        {
            self.message = shortage(missing, lang);
            let shown = std::mem::take(&mut self.detail.missing);
            self.detail.missing = shown.into_iter().map(MissingIngredient::capped).collect();
        }
        self
    }

    /// Of an input that names something by what can be no code.
    pub fn unknown(code: UserErrorCode, given: &str, lang: Lang) -> Self {
        let given = given.to_owned();
        let message =
            match code {
                UserErrorCode::UnknownPizza => lang
                    .pick(format!("{given} n'est pas à la carte."), format!("{given} is not on the menu.")),
                UserErrorCode::UnknownExtra => lang
                    .pick(format!("{given} n'est pas un supplément."), format!("{given} is not an extra.")),
                _ => lang.pick(
                    format!("{given} n'est pas un ingrédient connu."),
                    format!("{given} is not a known ingredient."),
                ),
            };
        let mut detail = UserErrorDetail::default();
        if code == UserErrorCode::UnknownPizza {
            detail.item_code = Some(given);
        } else {
            detail.ingredient_code = Some(given);
        }
        Self { code, message, field: None, detail }
    }

    /// With the first line of a blocked item, which is refused for all of its lines.
    #[must_use]
    pub fn at_line_of(mut self, refusal: &Refusal, lines: &[BasketLine]) -> Self {
        if let Refusal::Order(OrderError::ItemBlocked { item }) = refusal
            && let Some(at) = lines.iter().position(|line| line.item == *item)
        {
            self.field = Some(["input", "lines", &at.to_string(), "item"].map(str::to_owned).to_vec());
        }
        self
    }

    /// As [`UserError::at_line_of`], for the lines of a command to a stock.
    #[must_use]
    pub fn at_stock_line_of<'a>(
        mut self,
        refusal: &Refusal,
        ingredients: impl IntoIterator<Item = &'a ID>,
    ) -> Self {
        if let Refusal::Stock(
            StockError::UnknownIngredient { ingredient: unknown }
            | StockError::LimitExceeded { ingredient: unknown, .. },
        ) = refusal
        {
            let at = ingredients
                .into_iter()
                .position(|id| IngredientCode::parse(id).is_some_and(|code| code == *unknown));
            if let Some(at) = at {
                let name = match refusal {
                    Refusal::Stock(StockError::LimitExceeded { .. }) => "quantity",
                    _ => "ingredient",
                };
                let path = ["input", "lines", &at.to_string(), name];
                self.field = Some(path.map(str::to_owned).to_vec());
            }
        }
        self
    }
}

/// The input that a refusal is about.
pub fn field(refusal: &Refusal) -> Option<Vec<String>> {
    let path = match refusal {
        Refusal::Order(OrderError::Line { index, part, .. }) => line_path(*index, *part),
        refusal => below_input(refusal)?.iter().map(|name| (*name).to_owned()).collect(),
    };
    Some(std::iter::once("input".to_owned()).chain(path).collect())
}

fn line_path(index: u32, part: LinePart) -> Vec<String> {
    let (name, item) = match part {
        LinePart::Item => ("item", None),
        LinePart::Size => ("size", None),
        LinePart::Quantity => ("quantity", None),
        LinePart::Extras => ("extras", None),
        LinePart::Extra(item) => ("extras", Some(item)),
        LinePart::Without(item) => ("without", Some(item)),
    };
    let path = ["lines".to_owned(), index.to_string(), name.to_owned()];
    path.into_iter().chain(item.map(|item| item.to_string())).collect()
}

/// The field below `input`.
fn below_input(refusal: &Refusal) -> Option<&'static [&'static str]> {
    match refusal {
        Refusal::Order(error) => match error {
            OrderError::EmptyOrder
            | OrderError::Line { .. }
            | OrderError::InvalidQuantity { .. }
            | OrderError::TooLarge { .. }
            | OrderError::UnknownItem { .. }
            | OrderError::UnknownSize { .. }
            | OrderError::UnknownExtra { .. }
            | OrderError::UnknownIngredient { .. }
            | OrderError::ItemBlocked { .. }
            | OrderError::NoVatRate { .. }
            | OrderError::BelowMinimum { .. }
            | OrderError::InsufficientStock { .. }
            | OrderError::RefusalNotStored { .. } => Some(&["lines"]),
            OrderError::PizzeriaClosed | OrderError::ClosesTooSoon { .. } => Some(&["pizzeriaId"]),
            OrderError::MethodNotAllowed { .. } => Some(&["method"]),
            OrderError::AddressRequired | OrderError::OutOfDeliveryArea { .. } => {
                Some(&["contact", "address"])
            }
            OrderError::PriceChanged { .. } => Some(&["expectedTotal"]),
            OrderError::ChannelNotAllowed { .. } => Some(&["channel"]),
            OrderError::PaymentNotAllowed { .. } => Some(&["payment"]),
            OrderError::ReasonNotAllowed { .. } => Some(&["reason"]),
            OrderError::UnknownLine { .. } | OrderError::NotBaked { .. } => Some(&["line"]),
            OrderError::InvalidAmount | OrderError::OverRefund { .. } => Some(&["amount"]),
            // `payOnline` pays what is due: it has no amount.
            OrderError::Overpaid { amount, .. } if *amount > Cents::ZERO => Some(&["amount"]),
            OrderError::NotFound
            | OrderError::AlreadyPlaced
            | OrderError::TooLate { .. }
            | OrderError::AlreadyClosed { .. }
            | OrderError::WrongState { .. }
            | OrderError::PaymentDeclined { .. }
            | OrderError::Overpaid { .. }
            | OrderError::NotPaid { .. }
            // `payment` of placeOrder; payOnline has no such field.
            | OrderError::OnlinePaymentUnavailable
            | OrderError::TooManyDeclines { .. }
            | OrderError::VerificationRequired { .. }
            | OrderError::UnpaidLimit { .. }
            | OrderError::NotExpired => None,
        },
        Refusal::Stock(error) => match error {
            StockError::Insufficient { .. } | StockError::LimitExceeded { .. } | StockError::NoLines => {
                Some(&["lines"])
            }
            StockError::DuplicateReceipt { .. } => Some(&["deliveryNote"]),
            StockError::UnknownPizza { .. }
            | StockError::AlreadyBlocked { .. }
            | StockError::NotBlocked { .. } => Some(&["pizza"]),
            StockError::SamePizzeria { .. } => Some(&["toPizzeriaId"]),
            // In the commands that have lines, of the line.
            StockError::UnknownIngredient { .. } => Some(&["ingredient"]),
            StockError::AlreadyReserved { .. } | StockError::NoReservation { .. } => None,
        },
        Refusal::Delivery(error) => match error {
            DeliveryError::UnknownCourier { .. } | DeliveryError::CourierFull { .. } => Some(&["courierId"]),
            DeliveryError::BadCode { .. } => Some(&["proof", "code"]),
            DeliveryError::NotFound
            | DeliveryError::AlreadyScheduled
            | DeliveryError::AlreadyClaimed
            | DeliveryError::WrongState { .. }
            | DeliveryError::NotYours => None,
        },
        Refusal::Pizzeria(error) => match error {
            PizzeriaError::NotFound => Some(&["pizzeriaId"]),
            PizzeriaError::AlreadyOpened => Some(&["code"]),
            PizzeriaError::PauseInThePast => Some(&["until"]),
            PizzeriaError::OutOfRange { field } => match &**field {
                "name" => Some(&["name"]),
                "address" => Some(&["address"]),
                "radius_m" => Some(&["deliveryRadiusMetres"]),
                "delivery_fee" => Some(&["deliveryFee"]),
                "minimum" => Some(&["minimumOrder"]),
                "reason" => Some(&["reason"]),
                _ => None,
            },
            PizzeriaError::AlreadyPaused | PizzeriaError::NotPaused | PizzeriaError::NothingToChange => None,
        },
        Refusal::StaleVersion { .. } => Some(&["expectedVersion"]),
        Refusal::IdempotencyKeyReused => Some(&["idempotencyKey"]),
        Refusal::Several(refusals) => refusals.first().and_then(below_input),
        Refusal::Account(error) => match error {
            AccountError::EmailTaken | AccountError::InvalidEmail => Some(&["email"]),
            AccountError::WeakPassword | AccountError::GuessablePassword => Some(&["password"]),
            AccountError::PasswordRequired => Some(&["currentPassword"]),
            AccountError::TotpRequired => Some(&["totpCode"]),
            AccountError::BadTotpCode => Some(&["code"]),
            AccountError::BadToken => Some(&["token"]),
            AccountError::BadCredentials
            | AccountError::AlreadyVerified
            | AccountError::TotpEnabled
            | AccountError::TotpNotEnabled => None,
        },
        Refusal::Staff(StaffError::RoleNotAllowed { .. }) => Some(&["role"]),
        Refusal::Staff(_) | Refusal::Customer(_) | Refusal::Menu(_) | Refusal::Closing(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::resolver_utils::EnumType;
    use domain::usecase::RefusalCode;

    use super::*;
    use crate::types::enums::OrderStatus;

    #[test]
    fn the_codes_are_the_domains_to_the_letter() {
        let ours: Vec<&str> = UserErrorCode::items().iter().map(|item| item.name).collect();
        let domains: Vec<&str> = RefusalCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(ours, domains);
    }

    #[test]
    fn a_state_in_the_way_comes_with_what_is_allowed() {
        let refusal = OrderError::TooLate { status: domain::order::OrderStatus::InPreparation }.into();
        let error = UserError::new(&refusal, Lang::En, Vec::new());
        assert_eq!(error.code, UserErrorCode::TooLate);
        assert_eq!(error.detail.order_status, Some(OrderStatus::InPreparation));
        assert_eq!(error.field, None);
    }
}
