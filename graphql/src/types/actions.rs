//! The actions that a caller may take on an order or a delivery now, each with the reason if it is refused.
//! The domain decides a sample of each command; nothing is stored.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime, Utc};
use domain::Cents;
use domain::access::{Actor, Permission, Role, Scope, authorize};
use domain::delivery::{
    self, Delivery, DeliveryCommand, DeliveryError, DeliveryFailure, ProofGiven, ScheduledDelivery,
};
use domain::ids::{ContactId, StaffId};
use domain::order::{
    self, CancelReason, LinesChange, MAX_DECLINES, OnlinePayment, Order, OrderCommand, OrderError,
    PaymentMethod, PlacedOrder,
};
use domain::usecase::Refusal;
use messages::labels::Lang;
use messages::refusals::message;
use uuid::Uuid;

use crate::as_of::PointInTime;
use crate::field_access::open;
use crate::types::user_error_code::UserErrorCode;

/// Mutations that apply to an order or a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrderActionName {
    /// `changeOrderLines`.
    ChangeOrderLines,
    /// `cancelOrder`.
    CancelOrder,
    /// `payOnline`.
    PayOnline,
    /// `recordPayment`.
    RecordPayment,
    /// `refundOrder`.
    RefundOrder,
    /// `startPreparation`.
    StartPreparation,
    /// `markItemBaked`.
    MarkItemBaked,
    /// `markOrderReady`.
    MarkOrderReady,
    /// `handOverOrder`.
    HandOverOrder,
    /// `claimDelivery`.
    ClaimDelivery,
    /// `assignDelivery`.
    AssignDelivery,
    /// `unassignDelivery`.
    UnassignDelivery,
    /// `pickUpDelivery`.
    PickUpDelivery,
    /// `completeDelivery`.
    CompleteDelivery,
    /// `failDelivery`.
    FailDelivery,
    /// `retryDelivery`.
    RetryDelivery,
    /// `returnDelivery`.
    ReturnDelivery,
}

/// An action that the caller's role may take, and whether the state allows it now. Actions that the role may
/// never take are not listed. Only the order's or delivery's own state is checked; the mutation also checks
/// what lies outside it: a courier's load, a pizzeria's opening hours and stock.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct OrderAction {
    /// The mutation.
    pub action: OrderActionName,
    /// Whether the state allows it now; always `false` for a state of the past.
    pub enabled: bool,
    /// The code with which the mutation would be refused; `null` when enabled, and for a state of the past.
    pub code: Option<UserErrorCode>,
    /// Why the mutation would be refused, in French or in English; `null` when enabled.
    pub reason: Option<String>,
}

impl OrderAction {
    fn of<E: Into<Refusal>>(action: OrderActionName, decided: Result<(), E>, lang: Lang) -> Self {
        let refusal = decided.err().map(Into::into);
        Self {
            action,
            enabled: refusal.is_none(),
            code: refusal.as_ref().map(|refusal| refusal.code().into()),
            reason: refusal.as_ref().map(|refusal| message(refusal, lang)),
        }
    }
}

/// Returns the actions, all disabled when they are of the past.
pub fn of(actions: Vec<OrderAction>, point: Option<PointInTime>, lang: Lang) -> Vec<OrderAction> {
    let Some(point) = point else { return actions };
    let position = point.position;
    let reason = lang.pick(
        format!("Ceci est l'état à la position {position} du journal : le passé ne change pas."),
        format!("This is the state at position {position} of the log: the past does not change."),
    );
    let past = |action: OrderAction| OrderAction {
        enabled: false,
        code: None,
        reason: Some(reason.clone()),
        ..action
    };
    actions.into_iter().map(past).collect()
}

/// Decides a sample of a command, only if the role may send it.
type Sample<'a> = &'a dyn Fn() -> Result<(), Refusal>;

/// Facts outside the order that its actions depend on.
#[derive(Debug, Clone, Copy)]
pub struct OrderFacts {
    /// Whether the caller carries the order's delivery; required for a courier to record a payment.
    pub carried: bool,
    /// Whether a payment provider is configured.
    pub online: bool,
}

/// Returns the actions that `actor` may take on an order.
pub fn on_order(
    placed: &PlacedOrder,
    actor: Option<&Actor>,
    OrderFacts { carried, online }: OrderFacts,
    now: DateTime<Utc>,
    lang: Lang,
) -> Vec<OrderAction> {
    use OrderActionName as A;
    let scope = Scope::Own { customer: placed.customer, pizzeria: &placed.pizzeria };
    let may = |permission| authorize(actor, permission, scope).is_ok();
    let state = Order::Placed(Box::new(placed.clone()));
    let decide = |command| Ok(order::decide(&state, command).map(|_| ())?);
    let records = carried || actor.and_then(acting_courier).is_none();
    let change = || OrderCommand::ChangeLines {
        change: LinesChange::default(),
        promised_at: None,
        notes: Vec::new(),
        unnoted: Vec::new(),
        now,
    };
    let cancel = OrderCommand::Cancel {
        reason: CancelReason::Other,
        even_started: may(Permission::CancelStartedOrder),
        now,
    };
    let pay = OrderCommand::PayOnline { outcome: OnlinePayment::Accepted { reference: String::new() }, now };
    // The whole amount due; the least amount when nothing is due, to learn the refusal.
    let amount = placed.due().max(Cents(1));
    let record = OrderCommand::RecordPayment { method: PaymentMethod::Cash, amount, now };
    let bake = || {
        let pizzas = || placed.lines.iter().filter(|line| line.size.is_some());
        let line = pizzas().find(|line| !line.baked).or_else(|| pizzas().next()).or(placed.lines.first());
        OrderCommand::MarkItemBaked { line: line.map_or(1, |line| line.line), now }
    };
    let all: [(A, Permission, Sample<'_>); 9] = [
        (A::ChangeOrderLines, Permission::ChangeOrderLines, &|| decide(change())),
        (A::CancelOrder, Permission::CancelOrder, &|| decide(cancel.clone())),
        (A::PayOnline, Permission::PayOnline, &|| match (online, placed.is_barred()) {
            (false, _) => Err(OrderError::OnlinePaymentUnavailable.into()),
            (true, true) => Err(OrderError::TooManyDeclines { max: MAX_DECLINES }.into()),
            (true, false) => decide(pay.clone()),
        }),
        (A::RecordPayment, Permission::RecordPayment, &|| match records {
            true => decide(record.clone()),
            false => Err(DeliveryError::NotYours.into()),
        }),
        (A::RefundOrder, Permission::RefundOrder, &|| Ok(refund(&state, now)?)),
        (A::StartPreparation, Permission::PrepareOrder, &|| {
            decide(OrderCommand::StartPreparation { by: None, now })
        }),
        (A::MarkItemBaked, Permission::PrepareOrder, &|| decide(bake())),
        (A::MarkOrderReady, Permission::PrepareOrder, &|| decide(OrderCommand::MarkReady { now })),
        (A::HandOverOrder, Permission::HandOverOrder, &|| decide(OrderCommand::HandOver { now })),
    ];
    all.into_iter()
        .filter(|(_, permission, _)| may(*permission))
        .map(|(action, _, decided)| OrderAction::of(action, decided(), lang))
        .collect()
}

/// Decides a refund by any method with money left to give back.
fn refund(state: &Order, now: DateTime<Utc>) -> Result<(), OrderError> {
    let mut refused = OrderError::NotFound;
    // If every method is refused, the last refusal is reported: that of money taken at the counter.
    for method in PaymentMethod::ALL {
        match order::decide(state, OrderCommand::Refund { method, amount: Cents(1), now }) {
            Ok(_) => return Ok(()),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// The courier of a delivery command: the actor's id for a courier, `None` for roles above a courier.
pub fn acting_courier(actor: &Actor) -> Option<StaffId> {
    (actor.role == Role::Courier).then_some(StaffId(actor.id))
}

/// Returns the actions that `actor` may take on a delivery; `owed` is the amount of its order still due
/// online.
pub fn on_delivery(
    scheduled: &ScheduledDelivery,
    actor: Option<&Actor>,
    owed: Option<Cents>,
    now: DateTime<Utc>,
    lang: Lang,
) -> Vec<OrderAction> {
    use OrderActionName as A;
    let scope = Scope::Own { customer: scheduled.customer, pizzeria: &scheduled.pizzeria };
    let by = actor.and_then(acting_courier);
    let state = Delivery::Scheduled(Box::new(scheduled.clone()));
    let assign =
        |claimed| DeliveryCommand::Assign { courier: by.unwrap_or(StaffId(Uuid::nil())), claimed, now };
    let proof = ProofGiven::ReceivedBy(ContactId(Uuid::nil()));
    let carry = Permission::CarryDelivery;
    let all = [
        (A::ClaimDelivery, Permission::ClaimDelivery, assign(true)),
        (A::AssignDelivery, Permission::AssignDelivery, assign(false)),
        (A::UnassignDelivery, carry, DeliveryCommand::Unassign { by, now }),
        (A::PickUpDelivery, carry, DeliveryCommand::PickUp { by, now }),
        (A::CompleteDelivery, carry, DeliveryCommand::Complete { by, proof, now }),
        (A::FailDelivery, carry, DeliveryCommand::Fail { by, reason: DeliveryFailure::Other, now }),
        (A::RetryDelivery, carry, DeliveryCommand::Retry { by, now }),
        (A::ReturnDelivery, carry, DeliveryCommand::Return { by, now }),
    ];
    all.into_iter()
        .filter(|(_, permission, _)| authorize(actor, *permission, scope).is_ok())
        // Only couriers claim deliveries.
        .filter(|(action, _, _)| *action != A::ClaimDelivery || by.is_some())
        .map(|(action, _, command)| {
            let mut decided = delivery::decide(&state, command).map(|_| ()).map_err(Refusal::from);
            if let (A::CompleteDelivery, Ok(()), Some(due)) = (action, &decided, owed) {
                decided = Err(OrderError::NotPaid { due }.into());
            }
            OrderAction::of(action, decided, lang)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use async_graphql::parser::parse_schema;
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
    use async_graphql::resolver_utils::EnumType;

    use super::*;

    /// Mutations whose input names an order or a delivery and that are no action of it, and why.
    const NO_ACTIONS: [(&str, &str); 1] = [("reportCourierPosition", "sent by the courier's device")];

    /// `changeOrderLines` of `CHANGE_ORDER_LINES`.
    fn camel_case(name: &str) -> String {
        let mut upper = false;
        let letters = name.chars().filter_map(|letter| {
            let shown = if upper { letter } else { letter.to_ascii_lowercase() };
            upper = letter == '_';
            (!upper).then_some(shown)
        });
        letters.collect()
    }

    #[test]
    fn every_mutation_of_an_order_or_a_delivery_is_an_action() {
        let (mut inputs, mut mutations) = (BTreeSet::new(), BTreeMap::new());
        for definition in parse_schema(crate::schema::sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(ty) = definition else { continue };
            let name = ty.node.name.node.to_string();
            match ty.node.kind {
                TypeKind::InputObject(input) => {
                    let of_one = |field: &str| ["orderId", "deliveryId"].contains(&field);
                    if input.fields.iter().any(|field| of_one(&field.node.name.node)) {
                        inputs.insert(format!("{name}!"));
                    }
                }
                TypeKind::Object(object) if name == "Mutation" => {
                    let field_of = |field: async_graphql::Positioned<_>| -> Option<(String, String)> {
                        let field: async_graphql::parser::types::FieldDefinition = field.node;
                        let input = field.arguments.first()?.node.ty.node.to_string();
                        Some((field.name.node.to_string(), input))
                    };
                    mutations.extend(object.fields.into_iter().filter_map(field_of));
                }
                _ => {}
            }
        }
        let of_one = mutations.into_iter().filter(|(_, input)| inputs.contains(input)).map(|(name, _)| name);
        let actions = OrderActionName::items().iter().map(|item| camel_case(item.name));
        let others = NO_ACTIONS.iter().map(|(name, _)| (*name).to_owned());
        let known: BTreeSet<String> = actions.chain(others).collect();
        assert_eq!(
            of_one.collect::<BTreeSet<_>>(),
            known,
            "a mutation is an action, or in NO_ACTIONS with a reason"
        );
    }
}
