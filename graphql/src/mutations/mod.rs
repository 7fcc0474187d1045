//! The mutation root: a merge of one small struct an entity. Each asks whether the caller may, parses
//! what they gave, and hands a use case to the event store; the domain decides.

mod account;
mod account_steps;
mod allowed;
mod delivery;
mod erasure;
mod fingerprint;
mod menu;
mod notes;
mod order;
mod payment;
mod pizzeria;
mod preparation;
mod run;
mod sign_in;
mod sign_up;
mod staff;
mod stock;
mod totp;
mod unpaid;

use async_graphql::MergedObject;

/// Everything that can be changed.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    order::OrderMutation,
    payment::PaymentMutation,
    preparation::PreparationMutation,
    delivery::DeliveryMutation,
    stock::StockMutation,
    pizzeria::PizzeriaMutation,
    menu::MenuMutation,
    sign_up::SignUpMutation,
    sign_in::SignInMutation,
    account::AccountMutation,
    totp::TotpMutation,
    staff::StaffMutation,
    erasure::ErasureMutation,
    unpaid::UnpaidMutation,
);
