//! Placing, changing and cancelling orders. The domain decides; see [`domain::usecase`].

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::{Actor, Permission, Role, Scope};
use domain::ids::{ContactId, CustomerId, HolderId, OrderId, PizzeriaId};
use domain::note::NotePurpose;
use domain::order::{self, OrderError};
use domain::pizzeria::Place;
use domain::usecase::{self, Bound, Conditions, Noted, Refusal};
use event_store::{CommandContext, CommandResult, NewContact};
use identity::accounts::Account;
use identity::holders;
use uuid::Uuid;

use super::allowed::{Consistency, allowed_order};
use super::notes::{About, references};
use super::order_lines::{ChangeOrderLinesInput, change_lines};
use super::run::{add_refusals, execute, execute_in, fresh_id, payload_at, payloads, read_context, settled};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::inputs::{ContactInput, OrderLineInput, Problems};
use crate::scalars::Decimal;
use crate::types::enums::{CancelReason, Fulfilment, OrderChannel, PaymentIntent};
use crate::types::order::Order;

/// The order to place.
#[derive(Debug, InputObject)]
pub struct PlaceOrderInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// The channel through which the order is placed.
    pub channel: OrderChannel,
    /// How the order reaches the customer.
    pub fulfilment: Fulfilment,
    /// The lines, 1 to 50.
    pub lines: Vec<OrderLineInput>,
    /// The recipient; a signed-in customer's own data by default. A delivery requires name, phone number,
    /// street and coordinates. For other orders the address is not stored.
    pub contact: Option<ContactInput>,
    /// The intended way of payment.
    pub payment: PaymentIntent,
    /// The total that the client displayed; if the price differs, the order is refused with `PRICE_CHANGED`.
    pub expected_total: Option<Decimal>,
    /// A note to the kitchen and the courier, at most 500 characters.
    #[graphql(deprecation = "Use `kitchenNote` and `deliveryNote`; it may be missing from 0.4.0 on.")]
    pub note: Option<String>,
    /// A note to the kitchen about the order, such as an allergy, at most 500 characters. Lines have their
    /// own notes.
    pub kitchen_note: Option<String>,
    /// A note to the courier, such as a floor or a door code, at most 500 characters.
    pub delivery_note: Option<String>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
}

/// The order to cancel, with the reason.
#[derive(Debug, InputObject)]
pub struct CancelOrderInput {
    /// The order.
    pub order_id: ID,
    /// Why the order is cancelled.
    pub reason: CancelReason,
    /// A comment on the reason for the staff, at most 500 characters.
    pub comment: Option<String>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { order: Order, Order::of_result;
    /// The placed order; `null` if it was refused.
    PlaceOrderPayload,
    /// The order with its new lines.
    ChangeOrderLinesPayload,
    /// The cancelled order.
    CancelOrderPayload,
}

/// Mutations that place, change and cancel orders.
#[derive(Debug, Default)]
pub struct OrderMutation;

/// Mutations that place, change and cancel orders.
#[Object]
impl OrderMutation {
    /// Places an order: freezes its prices, VAT and recipes and reserves its ingredients. Customers order for
    /// themselves, receptionists and managers for customers by phone and at the counter. The pizzeria limits
    /// a customer's open and unpaid orders (`Pizzeria.unpaidLimits`): beyond the limit the order is refused
    /// with `UNPAID_LIMIT`, or with `VERIFICATION_REQUIRED` for an account without a verified e-mail address.
    /// A manager's orders are not limited.
    #[graphql(directive = requires::apply(Permission::PlaceOrder))]
    async fn place_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: PlaceOrderInput,
    ) -> Result<PlaceOrderPayload, ApiError> {
        settled(ctx, place(ctx, input).await)
    }

    /// Changes the lines of an order whose preparation has not started: by line with `add`, `edit` and `remove`, or
    /// as a whole with `lines`. Lines that stay keep price, VAT, recipe and reservation; only what is added or grows
    /// is priced and checked as new.
    #[graphql(directive = requires::apply(Permission::ChangeOrderLines))]
    async fn change_order_lines(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ChangeOrderLinesInput,
    ) -> Result<ChangeOrderLinesPayload, ApiError> {
        settled(ctx, change_lines(ctx, input).await)
    }

    /// Cancels an order. After the start of preparation only a manager may cancel, and the ingredients become
    /// waste. An online payment is refunded.
    #[graphql(directive = requires::apply(Permission::CancelOrder))]
    async fn cancel_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: CancelOrderInput,
    ) -> Result<CancelOrderPayload, ApiError> {
        settled(ctx, cancel(ctx, input).await)
    }
}

/// Places an order for the customer whom the caller may order for.
async fn place(ctx: &Context<'_>, input: PlaceOrderInput) -> Result<PlaceOrderPayload, ApiError> {
    let caller = ctx.caller()?;
    let actor = caller.actor()?;
    let pizzeria = PizzeriaId::required(&input.pizzeria_id, "input.pizzeriaId")?;
    let customer = (actor.role == Role::Customer).then_some(CustomerId(actor.id));
    caller.reach(Scope::Own { customer, pizzeria: &pizzeria })?;
    let mut problems = Problems::default();
    let read = problems.basket_lines("lines", &input.lines);
    let note = problems.note("note", input.note.as_deref());
    let kitchen_note = problems.note("kitchenNote", input.kitchen_note.as_deref());
    let delivery_note = problems.note("deliveryNote", input.delivery_note.as_deref());
    let line_notes = problems.line_notes("lines", &input.lines);
    let id = ContactId(Uuid::new_v4());
    let mut contact = problems.contact("contact", id, input.contact.as_ref(), note);
    let expected_total = input.expected_total.and_then(|total| problems.amount("expectedTotal", total));
    let context = read_context(ctx, &mut problems, input.idempotency_key, None)?;
    let (services, now) = (ctx.services()?, ctx.now()?);
    let order = OrderId(fresh_id(now));
    (contact.customer, contact.order) = (customer, Some(order));
    let delivered = input.fulfilment == Fulfilment::Delivery;
    if !delivered {
        // No delivery: the address is not stored.
        without_address(&mut contact);
    }
    let account = match customer {
        Some(customer) => services.accounts.by_id(customer.0).await?,
        None => None,
    };
    let bound = bound_of(actor, account.as_ref());
    if let Some(account) = account {
        fill_from_account(account, &mut contact, delivered);
    }
    if delivered {
        // The courier needs a name at the door and a phone number.
        problems.needed("contact.name", contact.name.as_ref());
        problems.needed("contact.phone", contact.phone.as_ref());
        problems.needed("contact.address.street", contact.street.as_ref());
    }
    let holders = match bound {
        Bound::Account | Bound::Unverified => vec![HolderId(actor.id)],
        Bound::Caller => holders::of_caller(&services.pool, &services.key, &contact, now).await?,
        Bound::Vouched => Vec::new(),
    };
    let place = match (contact.latitude, contact.longitude) {
        (Some(latitude), Some(longitude)) => Place::from_degrees(latitude, longitude).ok(),
        _ => None,
    };
    let contact = Some(contact).filter(|contact| !is_blank(contact));
    let lines = read.lines.clone();
    let conditions = Conditions {
        online_payment: services.payments.is_available(),
        holders,
        bound,
        load: services.kitchens.load(&pizzeria, now).await?,
        stores_refusal: false,
    };
    let command = usecase::PlaceOrder {
        order,
        pizzeria,
        basket: usecase::Basket { fulfilment: input.fulfilment.into(), lines, place },
        channel: input.channel.into(),
        customer,
        contact: contact.as_ref().map(|contact| contact.id),
        payment: input.payment.into(),
        expected_total,
        conditions,
        now,
    };
    if !problems.is_empty() {
        let at = Some(&command.pizzeria);
        add_refusals(ctx, &mut problems, &command, at, |refusal| read.in_input(refusal)).await?;
    }
    problems.check()?;
    let about = About { order: Some(order), customer };
    let kitchen = kitchen_note.map(|text| about.note(NotePurpose::Kitchen, None, text));
    let delivery = delivery_note.map(|text| about.note(NotePurpose::Delivery, None, text));
    let on_lines = line_notes.given.into_iter();
    let on_lines = on_lines.map(|(line, text)| about.note(NotePurpose::Kitchen, Some(line), text));
    let notes: Vec<_> = kitchen.into_iter().chain(delivery).chain(on_lines).collect();
    let result = place_bounded(ctx, command, CommandContext { contact, notes, ..context }).await?;
    payload_at(ctx, &result, |error, refusal| error.at_line_of(refusal, &read.lines))
}

/// Places an order. A refusal because of insufficient stock is stored as an event; only a bounded number per
/// hour is stored for each customer, with the same result for the caller.
async fn place_bounded(
    ctx: &Context<'_>,
    command: usecase::PlaceOrder,
    context: CommandContext,
) -> Result<CommandResult, ApiError> {
    let services = ctx.services()?;
    let noted = |use_case| Noted { use_case, notes: references(&context.notes) };
    let result = execute_in(services, noted(command.clone()), context.clone()).await?;
    if !matches!(result.refusal, Some(Refusal::Order(OrderError::RefusalNotStored { .. }))) {
        return Ok(result);
    }
    let own = [HolderId(ctx.caller()?.actor()?.id)];
    let holders = &command.conditions.holders;
    let customer = if holders.is_empty() { &own[..] } else { &holders[..] };
    if !services.attempt_limiter.stores_refusal(customer).await? {
        return Ok(result);
    }
    let mut stored = command;
    stored.conditions.stores_refusal = true;
    execute_in(services, noted(stored), context.clone()).await
}

/// Returns the limit on a customer's unpaid orders: by account for customers, by contact for orders entered
/// by reception, unlimited for managers.
pub(super) fn bound_of(actor: &Actor, account: Option<&Account>) -> Bound {
    match actor.role {
        Role::Customer if account.is_some_and(|account| account.email_verified) => Bound::Account,
        Role::Customer => Bound::Unverified,
        Role::Receptionist | Role::Pizzaiolo | Role::Courier | Role::Auditor => Bound::Caller,
        Role::Manager | Role::Director | Role::System => Bound::Vouched,
    }
}

/// Cancels an order that the caller may cancel, for a reason that the caller's role may give.
async fn cancel(ctx: &Context<'_>, input: CancelOrderInput) -> Result<CancelOrderPayload, ApiError> {
    let caller = ctx.caller()?;
    let order = allowed_order(ctx, &input.order_id, Consistency::AsKnown).await?;
    let mut problems = Problems::default();
    let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
    let reason: order::CancelReason = input.reason.into();
    if caller.actor()?.role == Role::Customer && !reason.is_customers() {
        problems.refuse("reason", OrderError::ReasonNotAllowed { reason });
    }
    let comment = problems.note("comment", input.comment.as_deref());
    problems.check()?;
    let even_started = order.also(caller, Permission::CancelStartedOrder);
    let command = usecase::CancelOrder { order: order.id, reason, even_started, now: ctx.now()? };
    let notes = About { order: Some(order.id), customer: order.customer() }.comment(comment);
    let command = Noted { use_case: command, notes: references(&notes) };
    execute(ctx, command, CommandContext { notes, ..context }).await
}

fn is_blank(contact: &NewContact) -> bool {
    let NewContact {
        id: _,
        customer: _,
        order: _,
        name,
        phone,
        email,
        street,
        postcode,
        city,
        latitude,
        longitude,
        note,
    } = contact;
    [name, phone, email, street, postcode, city, note].into_iter().all(Option::is_none)
        && latitude.is_none()
        && longitude.is_none()
}

fn without_address(contact: &mut NewContact) {
    (contact.street, contact.postcode, contact.city) = (None, None, None);
    (contact.latitude, contact.longitude) = (None, None);
}

/// Fills omitted fields from the customer's account: name, phone, e-mail and, for a delivery, the whole
/// address.
fn fill_from_account(account: Account, contact: &mut NewContact, delivered: bool) {
    contact.name.get_or_insert(account.display_name);
    contact.email.get_or_insert(account.email);
    contact.phone = contact.phone.take().or(account.phone);
    let given = contact.street.is_some()
        || contact.postcode.is_some()
        || contact.city.is_some()
        || contact.latitude.is_some();
    if delivered && !given {
        contact.street = account.street;
        contact.postcode = account.postcode;
        contact.city = account.city;
        contact.latitude = account.latitude;
        contact.longitude = account.longitude;
    }
}
