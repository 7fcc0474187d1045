//! A refusal by the domain as the payloads show it: a code, words, and the numbers behind them.
//! A fault is not a user error: see [`crate::error`].

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use domain::delivery::DeliveryError;
use domain::menu::MenuError;
use domain::order::{Missing, OrderError};
use domain::pizzeria::PizzeriaError;
use domain::staff::StaffError;
use domain::stock::StockError;
use domain::usecase::Refusal;

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::labels::Lang;
use crate::loaders::CurrentMenu;
use crate::messages::message;
use crate::scalars::Money;
use crate::types::actions::OrderAction;
use crate::types::enums::{DeliveryStatus, OrderStatus};
use crate::types::menu::Ingredient;

/// Why the domain refuses: the codes of the domain contract, and ours beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::usecase::RefusalCode")]
pub enum UserErrorCode {
    /// No lines.
    EmptyOrder,
    /// Not on the menu, or not in that size.
    UnknownPizza,
    /// Outside opening hours, or paused.
    PizzeriaClosed,
    /// Too far.
    OutOfDeliveryArea,
    /// Too little for a delivery.
    BelowMinimum,
    /// Not enough stock.
    InsufficientStock,
    /// Another total than the caller expected.
    PriceChanged,
    /// Preparation has started.
    TooLate,
    /// Nothing can happen to it any more.
    AlreadyClosed,
    /// The payment service declined.
    PaymentDeclined,
    /// More than is due.
    Overpaid,
    /// More than was paid.
    OverRefund,
    /// Not in this state.
    WrongState,
    /// To be paid first.
    NotPaid,
    /// The delivery note was received before.
    DuplicateReceipt,
    /// A courier has it.
    AlreadyClaimed,
    /// The code is wrong.
    BadCode,
    /// The thing has changed since.
    StaleVersion,
    /// The same key with another input.
    IdempotencyKeyReused,
    /// No such thing.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// More lines or pieces than one order may have.
    OrderTooLarge,
    /// Not an extra for that.
    UnknownExtra,
    /// Not an ingredient, or not one that can be left out.
    UnknownIngredient,
    /// Blocked by the pizzeria for now.
    PizzaBlocked,
    /// A delivery needs to know where to.
    AddressRequired,
    /// No such line.
    UnknownLine,
    /// An amount is more than zero.
    InvalidAmount,
    /// Its deadline has not passed.
    NotExpired,
    /// Another courier has it.
    NotYourDelivery,
    /// Not a courier of this pizzeria.
    UnknownCourier,
    /// The courier carries as many as a courier may.
    CourierFull,
    /// At least one line is needed.
    EmptyLines,
    /// A pizzeria does not transfer to itself.
    SamePizzeria,
    /// Blocked already.
    AlreadyBlocked,
    /// Not blocked.
    NotBlocked,
    /// Paused already.
    AlreadyPaused,
    /// Not paused.
    NotPaused,
    /// Nothing was to be changed.
    NothingToChange,
    /// A value is out of its range.
    OutOfRange,
    /// A code names one thing only.
    DuplicateCode,
    /// A pizza needs sizes and recipes.
    NoRecipe,
    /// Hired already.
    AlreadyHired,
    /// Revoked already.
    AlreadyRevoked,
}

/// An ingredient of which there is not enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingIngredient(pub Missing);

/// An ingredient of which there is not enough, in its unit: grams, millilitres or pieces.
#[Object]
impl MissingIngredient {
    /// The ingredient.
    async fn ingredient(&self, ctx: &Context<'_>) -> Result<Ingredient, ApiError> {
        let menu = ctx.loaders()?.load_one(CurrentMenu).await?.unwrap_or_default();
        Ok(Ingredient::of(&menu, &self.0.ingredient))
    }

    /// How much is needed.
    async fn needed(&self) -> i64 {
        self.0.needed.signed()
    }

    /// How much is available: on hand less reserved.
    async fn available(&self) -> i64 {
        self.0.available.signed()
    }
}

/// What a refusal is about. Only what has to do with its code is given.
#[derive(Debug, Clone, Default, PartialEq, SimpleObject)]
pub struct UserErrorDetail {
    /// `INSUFFICIENT_STOCK`: every ingredient of which there is not enough.
    pub missing: Vec<MissingIngredient>,
    /// The menu item that is meant, by its code.
    pub item: Option<ID>,
    /// The ingredient or extra that is meant, by its code.
    pub ingredient: Option<ID>,
    /// The line that is meant.
    pub line: Option<u32>,
    /// The courier that is meant.
    pub courier: Option<ID>,
    /// `PRICE_CHANGED`: the total that was expected.
    pub expected_total: Option<Money>,
    /// `PRICE_CHANGED`: the total as it is.
    pub actual_total: Option<Money>,
    /// `BELOW_MINIMUM`: what the lines come to.
    pub subtotal: Option<Money>,
    /// `BELOW_MINIMUM`: the least that is delivered.
    pub minimum: Option<Money>,
    /// `OUT_OF_DELIVERY_AREA`: how far it is, in metres.
    pub distance: Option<u32>,
    /// `OUT_OF_DELIVERY_AREA`: how far the pizzeria delivers, in metres.
    pub radius: Option<u32>,
    /// What is still due.
    pub due: Option<Money>,
    /// `OVER_REFUND`: what can be given back by that method.
    pub refundable: Option<Money>,
    /// `PAYMENT_DECLINED`: the payment service's reason code.
    pub reason: Option<String>,
    /// `BAD_CODE`: how many tries are left.
    pub tries_left: Option<u32>,
    /// `ORDER_TOO_LARGE`, `COURIER_FULL`: the bound.
    pub max: Option<u32>,
    /// `STALE_VERSION`: the version that the caller saw.
    pub expected_version: Option<i64>,
    /// `STALE_VERSION`: the version as it is.
    pub actual_version: Option<i64>,
    /// Where the order stands.
    pub order_status: Option<OrderStatus>,
    /// Where the delivery stands.
    pub delivery_status: Option<DeliveryStatus>,
    /// What the caller may do now instead, when a state stands in the way.
    pub allowed_actions: Vec<OrderAction>,
}

/// The domain says no. Nothing but the refusal itself was stored, and often not even that.
#[derive(Debug, Clone, PartialEq, SimpleObject)]
pub struct UserError {
    /// Why, for programs.
    pub code: UserErrorCode,
    /// Why, for people: in French or in English, after `Accept-Language`.
    pub message: String,
    /// The input that it is about, from the argument down; none when it is about the thing itself.
    pub field: Option<Vec<String>>,
    /// The numbers and names behind it.
    pub detail: UserErrorDetail,
}

impl UserError {
    /// From a refusal. `actions` are those of the thing as it is now; the enabled ones are shown
    /// when its state is what stands in the way.
    pub fn new(refusal: &Refusal, lang: Lang, actions: Vec<OrderAction>) -> Self {
        let mut detail = detail(refusal);
        if detail.order_status.is_some() || detail.delivery_status.is_some() {
            detail.allowed_actions = actions.into_iter().filter(|action| action.enabled).collect();
        }
        Self {
            code: refusal.code().into(),
            message: message(refusal, lang),
            field: field(refusal).map(|path| {
                std::iter::once("input").chain(path.iter().copied()).map(str::to_owned).collect()
            }),
            detail,
        }
    }
}

fn code_id(code: impl std::fmt::Display) -> Option<ID> {
    Some(ID(code.to_string()))
}

fn detail(refusal: &Refusal) -> UserErrorDetail {
    let none = UserErrorDetail::default();
    match refusal {
        Refusal::Order(error) => order_detail(error),
        Refusal::Stock(error) => stock_detail(error),
        Refusal::Delivery(error) => delivery_detail(error),
        Refusal::Staff(StaffError::Full { max }) => UserErrorDetail { max: u32::try_from(*max).ok(), ..none },
        Refusal::Staff(
            StaffError::NotFound
            | StaffError::AlreadyHired
            | StaffError::AlreadyRevoked
            | StaffError::NotACourier,
        )
        | Refusal::Pizzeria(_)
        | Refusal::IdempotencyKeyReused => none,
        Refusal::Menu(error) => match error {
            MenuError::UnknownIngredient { ingredient } => {
                UserErrorDetail { ingredient: code_id(ingredient), ..none }
            }
            MenuError::UnknownItem { item }
            | MenuError::DuplicateCode { item }
            | MenuError::NoRecipe { item } => UserErrorDetail { item: code_id(item), ..none },
            MenuError::InvalidPrice { code } => UserErrorDetail { item: code_id(code), ..none },
            MenuError::NothingToPublish | MenuError::InvalidRate => none,
        },
        Refusal::StaleVersion { expected, actual } => {
            UserErrorDetail { expected_version: Some(*expected), actual_version: Some(*actual), ..none }
        }
    }
}

fn order_detail(error: &OrderError) -> UserErrorDetail {
    let none = UserErrorDetail::default();
    match error {
        OrderError::NotFound
        | OrderError::AlreadyPlaced
        | OrderError::EmptyOrder
        | OrderError::PizzeriaClosed
        | OrderError::AddressRequired
        | OrderError::InvalidAmount
        | OrderError::NotExpired => none,
        OrderError::TooLarge { max, .. } => UserErrorDetail { max: Some(*max), ..none },
        OrderError::UnknownItem { item }
        | OrderError::UnknownSize { item, .. }
        | OrderError::ItemBlocked { item }
        | OrderError::NoVatRate { item } => UserErrorDetail { item: code_id(item), ..none },
        OrderError::UnknownExtra { item, extra: ingredient }
        | OrderError::UnknownIngredient { item, ingredient } => {
            UserErrorDetail { item: code_id(item), ingredient: code_id(ingredient), ..none }
        }
        OrderError::OutOfDeliveryArea { distance_m, radius_m } => {
            UserErrorDetail { distance: Some(*distance_m), radius: Some(*radius_m), ..none }
        }
        OrderError::BelowMinimum { subtotal, minimum } => {
            UserErrorDetail { subtotal: Some((*subtotal).into()), minimum: Some((*minimum).into()), ..none }
        }
        OrderError::InsufficientStock { missing } => {
            UserErrorDetail { missing: missing.iter().cloned().map(MissingIngredient).collect(), ..none }
        }
        OrderError::PriceChanged { expected, actual } => UserErrorDetail {
            expected_total: Some((*expected).into()),
            actual_total: Some((*actual).into()),
            ..none
        },
        OrderError::TooLate { status }
        | OrderError::AlreadyClosed { status }
        | OrderError::WrongState { status } => {
            UserErrorDetail { order_status: Some((*status).into()), ..none }
        }
        OrderError::UnknownLine { line } => UserErrorDetail { line: Some(*line), ..none },
        OrderError::PaymentDeclined { reason } => UserErrorDetail { reason: Some(reason.clone()), ..none },
        OrderError::Overpaid { due, .. } | OrderError::NotPaid { due } => {
            UserErrorDetail { due: Some((*due).into()), ..none }
        }
        OrderError::OverRefund { refundable, .. } => {
            UserErrorDetail { refundable: Some((*refundable).into()), ..none }
        }
    }
}

fn stock_detail(error: &StockError) -> UserErrorDetail {
    let none = UserErrorDetail::default();
    match error {
        StockError::Insufficient { missing } => {
            UserErrorDetail { missing: missing.iter().cloned().map(MissingIngredient).collect(), ..none }
        }
        StockError::UnknownIngredient { ingredient } => {
            UserErrorDetail { ingredient: code_id(ingredient), ..none }
        }
        StockError::UnknownPizza { pizza }
        | StockError::AlreadyBlocked { pizza }
        | StockError::NotBlocked { pizza } => UserErrorDetail { item: code_id(pizza), ..none },
        StockError::AlreadyReserved { .. }
        | StockError::NoReservation { .. }
        | StockError::DuplicateReceipt { .. }
        | StockError::NoLines
        | StockError::SamePizzeria { .. } => none,
    }
}

fn delivery_detail(error: &DeliveryError) -> UserErrorDetail {
    let none = UserErrorDetail::default();
    match error {
        DeliveryError::NotFound
        | DeliveryError::AlreadyScheduled
        | DeliveryError::AlreadyClaimed
        | DeliveryError::NotYours => none,
        DeliveryError::WrongState { status } => {
            UserErrorDetail { delivery_status: Some((*status).into()), ..none }
        }
        DeliveryError::UnknownCourier { courier } => {
            UserErrorDetail { courier: Some(courier.to_global()), ..none }
        }
        DeliveryError::CourierFull { max } => UserErrorDetail { max: u32::try_from(*max).ok(), ..none },
        DeliveryError::BadCode { tries_left } => UserErrorDetail { tries_left: Some(*tries_left), ..none },
    }
}

/// The input that a refusal is about, below `input`.
fn field(refusal: &Refusal) -> Option<&'static [&'static str]> {
    match refusal {
        Refusal::Order(error) => match error {
            OrderError::EmptyOrder
            | OrderError::TooLarge { .. }
            | OrderError::UnknownItem { .. }
            | OrderError::UnknownSize { .. }
            | OrderError::UnknownExtra { .. }
            | OrderError::UnknownIngredient { .. }
            | OrderError::ItemBlocked { .. }
            | OrderError::NoVatRate { .. }
            | OrderError::BelowMinimum { .. }
            | OrderError::InsufficientStock { .. } => Some(&["lines"]),
            OrderError::PizzeriaClosed => Some(&["pizzeriaId"]),
            OrderError::AddressRequired | OrderError::OutOfDeliveryArea { .. } => {
                Some(&["contact", "address"])
            }
            OrderError::PriceChanged { .. } => Some(&["expectedTotal"]),
            OrderError::UnknownLine { .. } => Some(&["line"]),
            OrderError::InvalidAmount | OrderError::OverRefund { .. } => Some(&["amount"]),
            OrderError::NotFound
            | OrderError::AlreadyPlaced
            | OrderError::TooLate { .. }
            | OrderError::AlreadyClosed { .. }
            | OrderError::WrongState { .. }
            | OrderError::PaymentDeclined { .. }
            | OrderError::Overpaid { .. }
            | OrderError::NotPaid { .. }
            | OrderError::NotExpired => None,
        },
        Refusal::Stock(error) => match error {
            StockError::Insufficient { .. } | StockError::NoLines => Some(&["lines"]),
            StockError::DuplicateReceipt { .. } => Some(&["deliveryNote"]),
            StockError::UnknownPizza { .. }
            | StockError::AlreadyBlocked { .. }
            | StockError::NotBlocked { .. } => Some(&["pizza"]),
            StockError::SamePizzeria { .. } => Some(&["toPizzeriaId"]),
            // `lines` of some commands, `ingredient` of another: the detail names it.
            StockError::UnknownIngredient { .. }
            | StockError::AlreadyReserved { .. }
            | StockError::NoReservation { .. } => None,
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
            PizzeriaError::AlreadyOpened
            | PizzeriaError::AlreadyPaused
            | PizzeriaError::NotPaused
            | PizzeriaError::PauseInThePast
            | PizzeriaError::NothingToChange
            | PizzeriaError::OutOfRange { .. } => None,
        },
        Refusal::StaleVersion { .. } => Some(&["expectedVersion"]),
        Refusal::IdempotencyKeyReused => Some(&["idempotencyKey"]),
        Refusal::Staff(_) | Refusal::Menu(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::resolver_utils::EnumType;
    use domain::usecase::RefusalCode;

    use super::*;

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
