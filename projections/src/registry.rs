//! The read models: names, tables, and the function that applies events to each.

use std::fmt;
use std::str::FromStr;

use domain::StreamType;
use event_store::RecordedEvent;
use sqlx::PgConnection;

use crate::apply_error::ApplyError;
use crate::{
    closings, daily_sales, deliveries, kitchen_queue, menus, order_board, order_details, pizzerias,
    stock_levels, time_travel,
};

/// A table of a read model.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns of the primary key.
    pub(crate) key: &'static [&'static str],
}

const fn table(name: &'static str, key: &'static [&'static str]) -> Table {
    Table { name, key }
}

macro_rules! models {
    ($($(#[$doc:meta])* $variant:ident = $module:ident of [$($kind:ident),+] [$($table:expr),+];)+) => {
        /// A read model.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Model { $($(#[$doc])* $variant,)+ }

        impl Model {
            /// Every read model.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns its name on the command line and in `checkpoints`, such as `order_details`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module),)+ }
            }

            /// Returns whether its rows depend on the events of a kind of stream. An unreadable event of such a stream
            /// stops the model; events of other kinds are only counted.
            pub fn reads(self, kind: StreamType) -> bool {
                match self { $(Self::$variant => [$(StreamType::$kind),+].contains(&kind),)+ }
            }

            pub(crate) fn tables(self) -> &'static [Table] {
                match self { $(Self::$variant => { const TABLES: &[Table] = &[$($table),+]; TABLES })+ }
            }

            /// Returns the names of its tables.
            pub fn table_names(self) -> impl Iterator<Item = &'static str> {
                self.tables().iter().map(|table| table.name)
            }

            /// Applies events to its tables, which the connection's `search_path` selects.
            pub(crate) async fn apply(
                self,
                db: &mut PgConnection,
                events: &[RecordedEvent],
            ) -> Result<(), ApplyError> {
                match self { $(Self::$variant => $module::apply(db, events).await,)+ }
            }
        }
    };
}

models! {
    /// Every version of the menu.
    Menus = menus of [Menu] [table("menus", &["version"])];
    /// The points of sale.
    Pizzerias = pizzerias of [Pizzeria] [table("pizzerias", &["id"])];
    /// Every accepted order.
    OrderDetails = order_details of [Order] [table("order_details", &["id"])];
    /// Open orders, in short.
    OrderBoard = order_board of [Order] [table("order_board", &["id"])];
    /// Orders in the kitchen.
    KitchenQueue = kitchen_queue of [Order] [table("kitchen_queue", &["id"])];
    /// Stock levels of each pizzeria.
    StockLevels = stock_levels of [Stock] [table("stock_levels", &["pizzeria"])];
    /// Every delivery.
    Deliveries = deliveries of [Delivery] [table("deliveries", &["id"])];
    /// Sales by pizzeria and business day.
    DailySales = daily_sales of [Order, Pizzeria] [
        table("daily_sales", &["pizzeria", "day"]),
        table("daily_sales_orders", &["id"]),
        table("daily_sales_zones", &["pizzeria"])
    ];
    /// Closed business days.
    Closings = closings of [Closing] [table("closings", &["pizzeria", "day"])];
    /// Base states for replaying the past.
    TimeTravel = time_travel of [Stock, Order] [
        table("stock_history", &["pizzeria", "position"]),
        table("order_hours", &["pizzeria", "hour", "id"])
    ];
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text is not the name of a read model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no read model of that name; there are {}", names())]
pub struct UnknownModel;

fn names() -> String {
    Model::ALL.iter().map(|model| model.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Model {
    type Err = UnknownModel;
    fn from_str(text: &str) -> Result<Self, UnknownModel> {
        Self::ALL.iter().copied().find(|model| model.name() == text).ok_or(UnknownModel)
    }
}
