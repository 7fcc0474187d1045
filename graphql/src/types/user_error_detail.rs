//! The numbers and names behind a refusal: what is missing, what is due, where the thing stands.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::Quantity;
use domain::delivery::DeliveryError;
use domain::ids::{IngredientCode, ItemCode};
use domain::menu::MenuError;
use domain::order::{Missing, OrderError};
use domain::staff::StaffError;
use domain::stock::StockError;
use domain::usecase::Refusal;

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::ids::GlobalId;
use crate::inputs::InputRule;
use crate::loaders::CurrentMenu;
use crate::scalars::{self, Money};
use crate::types::actions::OrderAction;
use crate::types::enums::{DeliveryStatus, OrderStatus};
use crate::types::menu::Ingredient;
use crate::types::menu_origin::COUNT_SHOWN_MAX;

/// An ingredient of which there is not enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingIngredient(pub Missing);

/// An ingredient of which there is not enough, in its unit: grams, millilitres or pieces.
#[Object(directive = open::apply())]
impl MissingIngredient {
    /// The ingredient.
    async fn ingredient(&self, ctx: &Context<'_>) -> Result<Ingredient, ApiError> {
        let menu = ctx.loaders()?.load_one(CurrentMenu).await?.unwrap_or_default();
        Ok(Ingredient::of(&menu, &self.0.ingredient))
    }

    /// The quantity that is needed.
    async fn needed(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.needed.signed())
    }

    /// How much is available: on hand less reserved. At most 10 for callers who may not read the pizzeria's stock: 10
    /// then says 10 or more.
    async fn available(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.available.signed())
    }
}

impl MissingIngredient {
    /// As shown to callers who may not read the stock.
    pub(crate) fn capped(self) -> Self {
        let available = Quantity(self.0.available.0.min(COUNT_SHOWN_MAX));
        Self(Missing { available, ..self.0 })
    }
}

/// The values of a refusal. Only those of its code are set.
#[derive(Debug, Clone, Default, PartialEq, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct UserErrorDetail {
    /// `INSUFFICIENT_STOCK`: every ingredient of which there is not enough.
    pub missing: Vec<MissingIngredient>,
    /// The menu item that is meant: its id, as `node` takes it.
    pub item: Option<ID>,
    /// The code of the menu item that is meant, or what was given for one.
    pub item_code: Option<String>,
    /// The ingredient or extra that is meant: its id.
    pub ingredient: Option<ID>,
    /// The code of the ingredient or extra that is meant, or what was given for one.
    pub ingredient_code: Option<String>,
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
    /// The amount still due.
    pub due: Option<Money>,
    /// `OVER_REFUND`: what can be given back by that method.
    pub refundable: Option<Money>,
    /// `PAYMENT_DECLINED`: the payment service's reason code.
    pub reason: Option<String>,
    /// `BAD_CODE`: how many tries are left.
    pub tries_left: Option<u32>,
    /// `INVALID_INPUT`: the rule that the input breaks.
    pub rule: Option<InputRule>,
    /// `INVALID_INPUT`, of a number: the least.
    pub min: Option<i32>,
    /// `STOCK_LIMIT_EXCEEDED`: what is on hand of the ingredient now, in its unit.
    pub on_hand: Option<i32>,
    /// `ORDER_TOO_LARGE`, `COURIER_FULL`, `TOO_MANY_DECLINES`, `VERIFICATION_REQUIRED`, `UNPAID_LIMIT`,
    /// `STOCK_LIMIT_EXCEEDED`: the bound. `INVALID_INPUT`, of a number: the most; of a list: the most items.
    pub max: Option<u32>,
    /// `INVALID_INPUT`, of a text: the most characters.
    pub max_length: Option<u32>,
    /// `STALE_VERSION`: the version that the caller saw.
    pub expected_version: Option<i64>,
    /// `STALE_VERSION`: the version as it is.
    pub actual_version: Option<i64>,
    /// `PIZZERIA_CLOSED`, of a pizzeria that is open now: when it closes, the last time that an order is
    /// promised for.
    pub closes_at: Option<DateTime<Utc>>,
    /// `PIZZERIA_CLOSED`, of a pizzeria that is open now: when the order would be promised for.
    pub promised_at: Option<DateTime<Utc>>,
    /// Where the order stands.
    pub order_status: Option<OrderStatus>,
    /// Where the delivery stands.
    pub delivery_status: Option<DeliveryStatus>,
    /// What the caller may do now instead, when a state stands in the way.
    pub allowed_actions: Vec<OrderAction>,
}

fn item(code: &ItemCode) -> UserErrorDetail {
    let (item, item_code) = (Some(code.to_global()), Some(code.to_string()));
    UserErrorDetail { item, item_code, ..UserErrorDetail::default() }
}

fn ingredient(code: &IngredientCode) -> UserErrorDetail {
    let (ingredient, ingredient_code) = (Some(code.to_global()), Some(code.to_string()));
    UserErrorDetail { ingredient, ingredient_code, ..UserErrorDetail::default() }
}

/// What is behind a refusal; what is allowed instead is for the caller to add.
pub(super) fn of(refusal: &Refusal) -> UserErrorDetail {
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
            | StaffError::NotACourier
            | StaffError::LastDirector
            | StaffError::RoleNotAllowed { .. }
            | StaffError::NothingToChange,
        )
        | Refusal::Customer(_)
        | Refusal::Closing(_)
        | Refusal::Account(_)
        | Refusal::Pizzeria(_)
        | Refusal::IdempotencyKeyReused => none,
        Refusal::Menu(error) => match error {
            MenuError::UnknownIngredient { ingredient: code }
            | MenuError::UnitFixed { ingredient: code, .. } => ingredient(code),
            MenuError::UnknownItem { item: code }
            | MenuError::UnknownSize { item: code, .. }
            | MenuError::DuplicateCode { item: code }
            | MenuError::NoRecipe { item: code } => item(code),
            // An item's, an ingredient's or an extra's.
            MenuError::InvalidPrice { code } | MenuError::ValueRequired { code, .. } => {
                UserErrorDetail { item_code: Some(code.clone()), ..none }
            }
            MenuError::QuantityTooLarge { item: of, ingredient: code, max } => UserErrorDetail {
                max: Some(*max),
                ingredient: Some(code.to_global()),
                ingredient_code: Some(code.to_string()),
                ..item(of)
            },
            MenuError::NothingToPublish | MenuError::InvalidRate => none,
        },
        Refusal::Several(refusals) => refusals.first().map(of).unwrap_or_default(),
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
        | OrderError::MethodNotAllowed { .. }
        | OrderError::OnlinePaymentUnavailable
        | OrderError::NotExpired => none,
        OrderError::ChannelNotAllowed { .. }
        | OrderError::PaymentNotAllowed { .. }
        | OrderError::ReasonNotAllowed { .. } => none,
        OrderError::Line { error, .. } => order_detail(error),
        OrderError::InvalidQuantity { max } => {
            UserErrorDetail { rule: Some(InputRule::OutOfRange), min: Some(1), max: Some(*max), ..none }
        }
        OrderError::NotBaked { line } => UserErrorDetail { line: Some(*line), ..none },
        OrderError::ClosesTooSoon { closes_at, promised_at } => {
            UserErrorDetail { closes_at: Some(*closes_at), promised_at: Some(*promised_at), ..none }
        }
        OrderError::TooLarge { max, .. }
        | OrderError::TooManyDeclines { max }
        | OrderError::VerificationRequired { max, .. }
        | OrderError::UnpaidLimit { max, .. } => UserErrorDetail { max: Some(*max), ..none },
        OrderError::UnknownItem { item: code }
        | OrderError::UnknownSize { item: code, .. }
        | OrderError::ItemBlocked { item: code }
        | OrderError::NoVatRate { item: code } => item(code),
        OrderError::UnknownExtra { item: of, extra: code }
        | OrderError::UnknownIngredient { item: of, ingredient: code } => UserErrorDetail {
            ingredient: Some(code.to_global()),
            ingredient_code: Some(code.to_string()),
            ..item(of)
        },
        OrderError::OutOfDeliveryArea { distance_m, radius_m } => {
            UserErrorDetail { distance: Some(*distance_m), radius: Some(*radius_m), ..none }
        }
        OrderError::BelowMinimum { subtotal, minimum } => {
            UserErrorDetail { subtotal: Some((*subtotal).into()), minimum: Some((*minimum).into()), ..none }
        }
        OrderError::InsufficientStock { missing } | OrderError::RefusalNotStored { missing } => {
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
        StockError::UnknownIngredient { ingredient: code } => ingredient(code),
        StockError::LimitExceeded { ingredient: code, on_hand, max } => UserErrorDetail {
            on_hand: i32::try_from(*on_hand).ok(),
            max: u32::try_from(*max).ok(),
            ..ingredient(code)
        },
        StockError::UnknownPizza { pizza }
        | StockError::AlreadyBlocked { pizza }
        | StockError::NotBlocked { pizza } => item(pizza),
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
