//! Output of the demo: a welcome, and a summary that is redrawn in place, or printed as lines if stdout is not a
//! terminal.

use std::fmt::Write;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use domain::access::Role;
use domain::demo_data;
use simulation::demo::traffic::Tally;
use simulation::demo::{self, Summary, SummaryError};

use crate::report::{print, say};

/// Terminal or log that shows the summary.
pub(crate) struct Screen {
    is_terminal: bool,
    /// Number of lines of the last summary, which the next one replaces.
    drawn: usize,
}

impl Screen {
    pub(crate) fn of_stdout() -> Self {
        Self { is_terminal: std::io::stdout().is_terminal(), drawn: 0 }
    }

    /// Returns the time between two summaries.
    pub(crate) fn period(&self) -> Duration {
        Duration::from_secs(if self.is_terminal { 2 } else { 10 })
    }

    pub(crate) fn show(&mut self, summary: &Result<Summary, SummaryError>, tally: Option<&Tally>) {
        if !self.is_terminal {
            match summary {
                Ok(summary) => say(summary.line(tally)),
                Err(error) => say(error),
            }
            return;
        }
        let lines = match summary {
            Ok(summary) => summary.screen(tally),
            Err(error) => vec![error.to_string()],
        };
        // Clears the last summary; without wrapping, because a wrapped line would count as two.
        let up = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
        print(format_args!("{up}\r\x1b[J\x1b[?7l{}\n\x1b[?7h", lines.join("\n")));
        self.drawn = lines.len();
    }
}

/// Returns the welcome of the demo. `command` runs this program; `token` is one of customer1.
pub(crate) fn welcome(
    at: SocketAddr,
    where_data_is: &str,
    command: &str,
    data_dir: &str,
    token: &str,
) -> String {
    let port = at.port();
    let host = if at.ip().is_loopback() { format!("localhost:{port}") } else { at.to_string() };
    let api = format!("http://{host}/graphql");
    let mut text =
        format!("\nOC Pizza-Manager, the demo\n\n  API       {api}\n  Data      {where_data_is}\n\n");
    let _ = writeln!(text, "Accounts, each @ocpizza.example, with the password `{}`", demo::PASSWORD);
    let accounts = demo::accounts();
    let of = |place: Option<&str>, is_customer: bool| {
        let here = accounts.iter().filter(|account| {
            let pizzeria = account.pizzeria.as_ref().map(|pizzeria| pizzeria.as_str());
            pizzeria == place && (account.role == Role::Customer) == is_customer
        });
        let names = here.map(|account| account.email.split('@').next().unwrap_or_default());
        names.collect::<Vec<_>>().join(" ")
    };
    let mut row = |heading: &str, names: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {heading:<15} {names}");
    };
    row("Group", &of(None, false));
    for opening in demo_data::pizzerias() {
        let code = opening.pizzeria.as_str();
        row(&format!("{code} {}", opening.name), &of(Some(code), false));
    }
    row("Customers", &of(None, true));
    let lines = r#"[{ item: \"CHV\", size: M, quantity: 2 }]"#;
    let order = format!(
        r#"pizzeriaId: \"P1\", channel: WEB, fulfilment: DELIVERY, payment: ON_DELIVERY, lines: {lines}"#
    );
    let answer = "{ order { id number status total { amount } } userErrors { code message } }";
    let _ = write!(
        text,
        "\nA token of one of them\n  {command} token{data_dir} customer1@ocpizza.example\n\n\
         Place an order as customer1\n  curl -s {api} -H 'Content-Type: application/json' \\\n    \
         -H 'Authorization: Bearer {token}' \\\n    \
         -d '{{\"query\":\"mutation {{ placeOrder(input: {{ {order} }}) {answer} }}\"}}'\n\n\
         Ctrl-C stops everything.\n\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_valid_json_and_every_account_is_named_once() {
        let text = welcome(([127, 0, 0, 1], 8081).into(), ".ocpizza/", "ocpizza-manager", "", "ocp_token");
        let body = text.split_once("-d '").unwrap().1.split_once("'\n").unwrap().0;
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let query = body["query"].as_str().unwrap();
        assert!(async_graphql::parser::parse_query(query).is_ok(), "{query}");
        assert!(query.contains(r#"lines: [{ item: "CHV", size: M, quantity: 2 }]"#), "{query}");
        let table = text.split_once("Accounts").unwrap().1.split_once("A token").unwrap().0;
        for account in demo::accounts() {
            let name = account.email.split('@').next().unwrap();
            assert_eq!(table.split_whitespace().filter(|word| *word == name).count(), 1, "{name}");
        }
    }
}
