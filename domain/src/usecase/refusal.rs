//! Refusals of every aggregate as one type, each with the code that the API promises.

use serde::{Deserialize, Serialize};

use crate::account::AccountError;
use crate::closing::ClosingError;
use crate::customer::CustomerError;
use crate::delivery::{DeliveryError, DeliveryEvent, MAX_CODE_TRIES};
use crate::event::Event;
use crate::menu::MenuError;
use crate::order::{OrderError, OrderEvent};
use crate::pizzeria::PizzeriaError;
use crate::staff::StaffError;
use crate::stock::StockError;

/// A refusal by the domain: a value that callers are told, never a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// By an order.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// By a stock.
    #[error(transparent)]
    Stock(#[from] StockError),
    /// By a delivery.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// By a member of staff.
    #[error(transparent)]
    Staff(#[from] StaffError),
    /// By a customer's account.
    #[error(transparent)]
    Customer(#[from] CustomerError),
    /// About what is kept of somebody outside the log.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// By a pizzeria.
    #[error(transparent)]
    Pizzeria(#[from] PizzeriaError),
    /// By the menu.
    #[error(transparent)]
    Menu(#[from] MenuError),
    /// By a pizzeria's closings.
    #[error(transparent)]
    Closing(#[from] ClosingError),
    /// The thing has changed since the caller saw it.
    #[error("the version is {actual}, not {expected}")]
    StaleVersion {
        /// What the caller saw.
        expected: i64,
        /// What it is.
        actual: i64,
    },
    /// The same idempotency key came with another input.
    #[error("the idempotency key was used with another input")]
    IdempotencyKeyReused,
    /// More than one at once, in the order of their checks; see [`Refusal::all`].
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Refusal>),
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// The codes of the domain contract, and ours beside them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalCode { $($(#[$doc])* $variant,)+ }

        impl RefusalCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code's text, `INSUFFICIENT_STOCK`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

codes! {
    /// No lines.
    EmptyOrder = "EMPTY_ORDER",
    /// Not on the menu, or not in that size.
    UnknownPizza = "UNKNOWN_PIZZA",
    /// Outside opening hours, or paused.
    PizzeriaClosed = "PIZZERIA_CLOSED",
    /// Too far.
    OutOfDeliveryArea = "OUT_OF_DELIVERY_AREA",
    /// Too little for a delivery.
    BelowMinimum = "BELOW_MINIMUM",
    /// Not enough stock.
    InsufficientStock = "INSUFFICIENT_STOCK",
    /// Another total than the caller expected.
    PriceChanged = "PRICE_CHANGED",
    /// Preparation has started.
    TooLate = "TOO_LATE",
    /// Nothing can happen to it any more.
    AlreadyClosed = "ALREADY_CLOSED",
    /// The payment service declined.
    PaymentDeclined = "PAYMENT_DECLINED",
    /// More than is due.
    Overpaid = "OVERPAID",
    /// More than was paid.
    OverRefund = "OVER_REFUND",
    /// Not in this state.
    WrongState = "WRONG_STATE",
    /// To be paid first.
    NotPaid = "NOT_PAID",
    /// The delivery note was received before.
    DuplicateReceipt = "DUPLICATE_RECEIPT",
    /// A courier has it.
    AlreadyClaimed = "ALREADY_CLAIMED",
    /// The code is wrong.
    BadCode = "BAD_CODE",
    /// The thing has changed since.
    StaleVersion = "STALE_VERSION",
    /// The same key with another input.
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
    /// No such thing.
    NotFound = "NOT_FOUND",
    /// It exists already.
    AlreadyExists = "ALREADY_EXISTS",
    /// More lines or pieces than one order may have.
    OrderTooLarge = "ORDER_TOO_LARGE",
    /// Not an extra for that.
    UnknownExtra = "UNKNOWN_EXTRA",
    /// Not an ingredient, or not one that can be left out.
    UnknownIngredient = "UNKNOWN_INGREDIENT",
    /// Blocked by the pizzeria for now.
    PizzaBlocked = "PIZZA_BLOCKED",
    /// A delivery needs to know where to.
    AddressRequired = "ADDRESS_REQUIRED",
    /// No such line.
    UnknownLine = "UNKNOWN_LINE",
    /// An amount is more than zero.
    InvalidAmount = "INVALID_AMOUNT",
    /// Only the payment provider moves `ONLINE` money.
    PaymentMethodNotAllowed = "PAYMENT_METHOD_NOT_ALLOWED",
    /// No payment provider is configured.
    OnlinePaymentUnavailable = "ONLINE_PAYMENT_UNAVAILABLE",
    /// Too many declined payments.
    TooManyDeclines = "TOO_MANY_DECLINES",
    /// The e-mail address is to be verified first.
    VerificationRequired = "VERIFICATION_REQUIRED",
    /// Too many unpaid orders or pieces.
    UnpaidLimit = "UNPAID_LIMIT",
    /// Its deadline has not passed.
    NotExpired = "NOT_EXPIRED",
    /// Another courier has it.
    NotYourDelivery = "NOT_YOUR_DELIVERY",
    /// Not a courier of this pizzeria.
    UnknownCourier = "UNKNOWN_COURIER",
    /// The courier carries as many as a courier may.
    CourierFull = "COURIER_FULL",
    /// At least one line is needed.
    EmptyLines = "EMPTY_LINES",
    /// A pizzeria does not transfer to itself.
    SamePizzeria = "SAME_PIZZERIA",
    /// Blocked already.
    AlreadyBlocked = "ALREADY_BLOCKED",
    /// Not blocked.
    NotBlocked = "NOT_BLOCKED",
    /// Paused already.
    AlreadyPaused = "ALREADY_PAUSED",
    /// Not paused.
    NotPaused = "NOT_PAUSED",
    /// Nothing was to be changed.
    NothingToChange = "NOTHING_TO_CHANGE",
    /// A value is out of its range.
    OutOfRange = "OUT_OF_RANGE",
    /// A code names one thing only.
    DuplicateCode = "DUPLICATE_CODE",
    /// A pizza needs sizes and recipes.
    NoRecipe = "NO_RECIPE",
    /// Hired already.
    AlreadyHired = "ALREADY_HIRED",
    /// Revoked already.
    AlreadyRevoked = "ALREADY_REVOKED",
    /// The group keeps a director.
    LastDirector = "LAST_DIRECTOR",
    /// Not a role that the caller hires.
    RoleNotAllowed = "ROLE_NOT_ALLOWED",
    /// The account was erased.
    AlreadyErased = "ALREADY_ERASED",
    /// Another account has this e-mail address.
    EmailTaken = "EMAIL_TAKEN",
    /// Not an e-mail address.
    InvalidEmail = "INVALID_EMAIL",
    /// Too short, too long, or the e-mail address itself.
    WeakPassword = "WEAK_PASSWORD",
    /// No account with this e-mail address and password.
    BadCredentials = "BAD_CREDENTIALS",
    /// The token is unknown, used or expired.
    BadToken = "BAD_TOKEN",
    /// The e-mail address is verified already.
    AlreadyVerified = "ALREADY_VERIFIED",
    /// An input is missing, too long, out of its range, or not written as it must be.
    InvalidInput = "INVALID_INPUT",
    /// A customer orders on the web only.
    ChannelNotAllowed = "CHANNEL_NOT_ALLOWED",
    /// A way to pay that does not go with the fulfilment.
    PaymentNotAllowed = "PAYMENT_NOT_ALLOWED",
    /// A reason that only the pizzeria can have.
    ReasonNotAllowed = "REASON_NOT_ALLOWED",
    /// A drink or a dessert does not go through the oven.
    NotBaked = "NOT_BAKED",
    /// More in stock than a stock holds.
    StockLimitExceeded = "STOCK_LIMIT_EXCEEDED",
    /// The present password is needed for this change.
    PasswordRequired = "PASSWORD_REQUIRED",
    /// Signing in to this account also needs a code of its authenticator app.
    TotpRequired = "TOTP_REQUIRED",
    /// The code is wrong, expired or was used before.
    BadTotpCode = "BAD_TOTP_CODE",
    /// An authenticator app is set up already.
    TotpAlreadyEnabled = "TOTP_ALREADY_ENABLED",
    /// No authenticator app is set up.
    TotpNotEnabled = "TOTP_NOT_ENABLED",
    /// A new thing lacks a value.
    ValueRequired = "VALUE_REQUIRED",
}

impl Refusal {
    /// One refusal of all: `None` without any, the refusal itself when it is the only one.
    pub fn all(mut refusals: Vec<Self>) -> Option<Self> {
        match refusals.len() {
            0 | 1 => refusals.pop(),
            _ => Some(Self::Several(refusals)),
        }
    }

    /// The refusals that it is made of: itself, when it is one.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::Several(refusals) => refusals,
            one => std::slice::from_ref(one),
        }
    }

    /// The refusal that an event records, if it records one: what the caller is told besides.
    pub(super) fn recorded_by(event: &Event) -> Option<Self> {
        match event {
            Event::Order(OrderEvent::OrderRefused { missing, .. }) => {
                Some(OrderError::InsufficientStock { missing: missing.clone() }.into())
            }
            Event::Order(OrderEvent::PaymentDeclined { reason, .. }) => {
                Some(OrderError::PaymentDeclined { reason: reason.clone() }.into())
            }
            Event::Delivery(DeliveryEvent::WrongCodeGiven { tries, .. }) => {
                Some(DeliveryError::BadCode { tries_left: MAX_CODE_TRIES.saturating_sub(*tries) }.into())
            }
            Event::Order(
                OrderEvent::OrderPlaced { .. }
                | OrderEvent::OrderLinesChanged { .. }
                | OrderEvent::OrderCancelled { .. }
                | OrderEvent::OrderExpired { .. }
                | OrderEvent::PaymentAuthorised { .. }
                | OrderEvent::PaymentCaptured { .. }
                | OrderEvent::PaymentRefunded { .. }
                | OrderEvent::PreparationStarted { .. }
                | OrderEvent::ItemBaked { .. }
                | OrderEvent::OrderReady { .. }
                | OrderEvent::OrderHandedOver { .. }
                | OrderEvent::OrderOutForDelivery { .. }
                | OrderEvent::OrderDelivered { .. }
                | OrderEvent::OrderNotDelivered { .. }
                | OrderEvent::OrderReturned { .. },
            )
            | Event::Delivery(
                DeliveryEvent::DeliveryScheduled { .. }
                | DeliveryEvent::DeliveryAssigned { .. }
                | DeliveryEvent::DeliveryUnassigned { .. }
                | DeliveryEvent::DeliveryPickedUp { .. }
                | DeliveryEvent::DeliveryCompleted { .. }
                | DeliveryEvent::DeliveryFailed { .. }
                | DeliveryEvent::DeliveryRetryScheduled { .. }
                | DeliveryEvent::DeliveryReturned { .. },
            )
            | Event::Stock(_)
            | Event::Pizzeria(_)
            | Event::Menu(_)
            | Event::Staff(_)
            | Event::Customer(_)
            | Event::Closing(_) => None,
        }
    }

    /// Whether the same request may be accepted later, unchanged: it met a bound of the moment, not a rule
    /// about its input. Such a refusal is not stored under the idempotency key.
    pub fn is_passing(&self) -> bool {
        let passes = |error: &OrderError| {
            matches!(
                error,
                OrderError::OnlinePaymentUnavailable
                    | OrderError::TooManyDeclines { .. }
                    | OrderError::VerificationRequired { .. }
                    | OrderError::UnpaidLimit { .. }
                    | OrderError::RefusalNotStored { .. }
            )
        };
        match self {
            Self::StaleVersion { .. } => true,
            Self::Order(error) => passes(error),
            Self::Several(refusals) => refusals.iter().all(Self::is_passing),
            Self::IdempotencyKeyReused
            | Self::Stock(_)
            | Self::Delivery(_)
            | Self::Staff(_)
            | Self::Customer(_)
            | Self::Account(_)
            | Self::Pizzeria(_)
            | Self::Menu(_)
            | Self::Closing(_) => false,
        }
    }

    /// The code that the API promises; of several, the first one's.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self {
            Self::StaleVersion { .. } => C::StaleVersion,
            Self::IdempotencyKeyReused => C::IdempotencyKeyReused,
            Self::Several(refusals) => refusals.first().map_or(C::InvalidInput, Self::code),
            Self::Order(error) => match error.what() {
                OrderError::InvalidQuantity { .. } | OrderError::Line { .. } => C::InvalidInput,
                OrderError::ChannelNotAllowed { .. } => C::ChannelNotAllowed,
                OrderError::PaymentNotAllowed { .. } => C::PaymentNotAllowed,
                OrderError::ReasonNotAllowed { .. } => C::ReasonNotAllowed,
                OrderError::NotBaked { .. } => C::NotBaked,
                OrderError::NotFound => C::NotFound,
                OrderError::AlreadyPlaced => C::AlreadyExists,
                OrderError::EmptyOrder => C::EmptyOrder,
                OrderError::TooLarge { .. } => C::OrderTooLarge,
                // What has no VAT rate cannot be sold: to a customer it is not on the menu.
                OrderError::UnknownItem { .. }
                | OrderError::UnknownSize { .. }
                | OrderError::NoVatRate { .. } => C::UnknownPizza,
                OrderError::UnknownExtra { .. } => C::UnknownExtra,
                OrderError::UnknownIngredient { .. } => C::UnknownIngredient,
                OrderError::ItemBlocked { .. } => C::PizzaBlocked,
                OrderError::PizzeriaClosed | OrderError::ClosesTooSoon { .. } => C::PizzeriaClosed,
                OrderError::AddressRequired => C::AddressRequired,
                OrderError::OutOfDeliveryArea { .. } => C::OutOfDeliveryArea,
                OrderError::BelowMinimum { .. } => C::BelowMinimum,
                OrderError::InsufficientStock { .. } | OrderError::RefusalNotStored { .. } => {
                    C::InsufficientStock
                }
                OrderError::PriceChanged { .. } => C::PriceChanged,
                OrderError::TooLate { .. } => C::TooLate,
                OrderError::AlreadyClosed { .. } => C::AlreadyClosed,
                OrderError::WrongState { .. } => C::WrongState,
                OrderError::UnknownLine { .. } => C::UnknownLine,
                OrderError::InvalidAmount => C::InvalidAmount,
                OrderError::PaymentDeclined { .. } => C::PaymentDeclined,
                OrderError::Overpaid { .. } => C::Overpaid,
                OrderError::OverRefund { .. } => C::OverRefund,
                OrderError::NotPaid { .. } => C::NotPaid,
                OrderError::MethodNotAllowed { .. } => C::PaymentMethodNotAllowed,
                OrderError::OnlinePaymentUnavailable => C::OnlinePaymentUnavailable,
                OrderError::TooManyDeclines { .. } => C::TooManyDeclines,
                OrderError::VerificationRequired { .. } => C::VerificationRequired,
                OrderError::UnpaidLimit { .. } => C::UnpaidLimit,
                OrderError::NotExpired => C::NotExpired,
            },
            Self::Stock(error) => match error {
                StockError::Insufficient { .. } => C::InsufficientStock,
                StockError::AlreadyReserved { .. } | StockError::NoReservation { .. } => C::WrongState,
                StockError::DuplicateReceipt { .. } => C::DuplicateReceipt,
                StockError::LimitExceeded { .. } => C::StockLimitExceeded,
                StockError::NoLines => C::EmptyLines,
                StockError::UnknownIngredient { .. } => C::UnknownIngredient,
                StockError::UnknownPizza { .. } => C::UnknownPizza,
                StockError::AlreadyBlocked { .. } => C::AlreadyBlocked,
                StockError::NotBlocked { .. } => C::NotBlocked,
                StockError::SamePizzeria { .. } => C::SamePizzeria,
            },
            Self::Delivery(error) => match error {
                DeliveryError::NotFound => C::NotFound,
                DeliveryError::AlreadyScheduled => C::AlreadyExists,
                DeliveryError::AlreadyClaimed => C::AlreadyClaimed,
                DeliveryError::WrongState { .. } => C::WrongState,
                DeliveryError::NotYours => C::NotYourDelivery,
                DeliveryError::UnknownCourier { .. } => C::UnknownCourier,
                DeliveryError::CourierFull { .. } => C::CourierFull,
                DeliveryError::BadCode { .. } => C::BadCode,
            },
            Self::Staff(error) => match error {
                StaffError::NotFound => C::NotFound,
                StaffError::AlreadyHired => C::AlreadyHired,
                StaffError::AlreadyRevoked => C::AlreadyRevoked,
                StaffError::NotACourier => C::UnknownCourier,
                StaffError::Full { .. } => C::CourierFull,
                StaffError::LastDirector => C::LastDirector,
                StaffError::RoleNotAllowed { .. } => C::RoleNotAllowed,
                StaffError::NothingToChange => C::NothingToChange,
            },
            Self::Customer(error) => match error {
                CustomerError::NotFound => C::NotFound,
                CustomerError::AlreadyRegistered => C::AlreadyExists,
                CustomerError::AlreadyErased => C::AlreadyErased,
                CustomerError::NothingToChange => C::NothingToChange,
            },
            Self::Closing(error) => match error {
                ClosingError::AlreadyClosed { .. } => C::AlreadyClosed,
                ClosingError::NotNext => C::WrongState,
            },
            Self::Account(error) => match error {
                AccountError::EmailTaken => C::EmailTaken,
                AccountError::InvalidEmail => C::InvalidEmail,
                AccountError::WeakPassword | AccountError::GuessablePassword => C::WeakPassword,
                AccountError::PasswordRequired => C::PasswordRequired,
                AccountError::TotpRequired => C::TotpRequired,
                AccountError::BadTotpCode => C::BadTotpCode,
                AccountError::TotpEnabled => C::TotpAlreadyEnabled,
                AccountError::TotpNotEnabled => C::TotpNotEnabled,
                AccountError::BadCredentials => C::BadCredentials,
                AccountError::BadToken => C::BadToken,
                AccountError::AlreadyVerified => C::AlreadyVerified,
            },
            Self::Pizzeria(error) => match error {
                PizzeriaError::NotFound => C::NotFound,
                PizzeriaError::AlreadyOpened => C::AlreadyExists,
                PizzeriaError::AlreadyPaused => C::AlreadyPaused,
                PizzeriaError::NotPaused => C::NotPaused,
                PizzeriaError::NothingToChange => C::NothingToChange,
                PizzeriaError::PauseInThePast | PizzeriaError::OutOfRange { .. } => C::OutOfRange,
            },
            Self::Menu(error) => match error {
                MenuError::NothingToPublish => C::NothingToChange,
                MenuError::UnknownIngredient { .. } => C::UnknownIngredient,
                MenuError::UnknownItem { .. } | MenuError::UnknownSize { .. } => C::UnknownPizza,
                MenuError::ValueRequired { .. } => C::ValueRequired,
                MenuError::DuplicateCode { .. } => C::DuplicateCode,
                MenuError::NoRecipe { .. } => C::NoRecipe,
                MenuError::InvalidPrice { .. } => C::InvalidAmount,
                MenuError::QuantityTooLarge { .. } | MenuError::InvalidRate => C::OutOfRange,
            },
        }
    }
}
