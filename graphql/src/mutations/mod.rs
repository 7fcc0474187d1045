//! The mutation root, merged from one small struct per entity. Each authorizes the caller, parses the input
//! and passes a use case to the event store; the domain decides.

mod account;
mod account_steps;
mod allowed;
mod delivery;
mod erasure;
mod fingerprint;
mod mailed_tokens;
mod menu;
mod notes;
mod order;
mod order_lines;
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

/// The mutation root.
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
    mailed_tokens::MailedTokenMutation,
    account::AccountMutation,
    totp::TotpMutation,
    staff::StaffMutation,
    erasure::ErasureMutation,
    unpaid::UnpaidMutation,
);
