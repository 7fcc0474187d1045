//! The query root, merged from one small struct per entity. Queries only read, and check access first.

pub mod account;
mod closing;
mod contact_read;
pub mod delivery;
pub mod log;
mod maintenance;
pub mod menu;
pub mod node;
pub mod order;
pub mod pizzeria;
pub mod sales;
pub mod staff;
pub mod stock;
pub mod why;

use async_graphql::MergedObject;

/// The query root.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    account::AccountQuery,
    contact_read::ContactReadQuery,
    node::NodeQuery,
    pizzeria::PizzeriaQuery,
    menu::MenuQuery,
    order::OrderQuery,
    delivery::DeliveryQuery,
    stock::StockQuery,
    sales::SalesQuery,
    closing::ClosingQuery,
    staff::StaffQuery,
    log::LogQuery,
    why::WhyQuery,
    maintenance::MaintenanceQuery,
);
