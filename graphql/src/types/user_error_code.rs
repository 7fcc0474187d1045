//! The codes of user errors.

use async_graphql::Enum;

/// Codes of refusals: those of the domain contract, then additional ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::usecase::RefusalCode")]
pub enum UserErrorCode {
    /// The order has no lines.
    EmptyOrder,
    /// The item is not on the menu, or not in this size.
    UnknownPizza,
    /// The pizzeria is outside its opening hours, or paused.
    PizzeriaClosed,
    /// The address is outside the delivery area.
    OutOfDeliveryArea,
    /// The total is below the minimum of a delivery.
    BelowMinimum,
    /// The stock does not suffice.
    InsufficientStock,
    /// The total differs from `expectedTotal`.
    PriceChanged,
    /// Preparation has started.
    TooLate,
    /// It is closed already.
    AlreadyClosed,
    /// The payment service declined the payment.
    PaymentDeclined,
    /// The amount exceeds what is due.
    Overpaid,
    /// The amount exceeds what was paid.
    OverRefund,
    /// The command is not possible in the current state.
    WrongState,
    /// The order must be paid first.
    NotPaid,
    /// A receipt with this delivery note exists.
    DuplicateReceipt,
    /// A courier has claimed the delivery already.
    AlreadyClaimed,
    /// The code is wrong.
    BadCode,
    /// The object has changed since `expectedVersion`.
    StaleVersion,
    /// The idempotency key was used with another input.
    IdempotencyKeyReused,
    /// The object does not exist.
    NotFound,
    /// The object exists already.
    AlreadyExists,
    /// More lines or pieces than one order may have.
    OrderTooLarge,
    /// The ingredient is not an extra of this item.
    UnknownExtra,
    /// The ingredient is unknown, or cannot be left out.
    UnknownIngredient,
    /// The pizzeria has blocked the pizza.
    PizzaBlocked,
    /// A delivery needs an address.
    AddressRequired,
    /// The order has no such line.
    UnknownLine,
    /// The amount must be greater than zero.
    InvalidAmount,
    /// `ONLINE` payments go through the payment provider and cannot be recorded or refunded by hand.
    PaymentMethodNotAllowed,
    /// No payment provider is configured, so online payment is unavailable.
    OnlinePaymentUnavailable,
    /// Too many payments of this order, or by this account within the hour, were declined; this one was not tried.
    TooManyDeclines,
    /// The account must verify its e-mail address to hold this many unpaid orders or pieces.
    VerificationRequired,
    /// The customer would hold too many unpaid orders or pieces; paying for some makes room.
    UnpaidLimit,
    /// The deadline has not passed.
    NotExpired,
    /// The delivery belongs to another courier.
    NotYourDelivery,
    /// The employee is not a courier of this pizzeria.
    UnknownCourier,
    /// The courier carries the maximum number of deliveries.
    CourierFull,
    /// At least one line is needed.
    EmptyLines,
    /// Source and destination are the same pizzeria.
    SamePizzeria,
    /// The pizza is blocked already.
    AlreadyBlocked,
    /// The pizza is not blocked.
    NotBlocked,
    /// The pizzeria is paused already.
    AlreadyPaused,
    /// The pizzeria is not paused.
    NotPaused,
    /// The input changes nothing.
    NothingToChange,
    /// A value is out of its range.
    OutOfRange,
    /// Each code must name one object only.
    DuplicateCode,
    /// A pizza needs sizes and recipes.
    NoRecipe,
    /// The employee has this role already.
    AlreadyHired,
    /// The employee is revoked already.
    AlreadyRevoked,
    /// The group needs a director: appoint another one first.
    LastDirector,
    /// The caller may not hire or revoke in this role.
    RoleNotAllowed,
    /// The account was erased.
    AlreadyErased,
    /// Another account has this e-mail address.
    EmailTaken,
    /// The e-mail address is malformed.
    InvalidEmail,
    /// The password is too short, too long, the e-mail address itself, or among the first that an attacker tries.
    WeakPassword,
    /// Wrong e-mail address or password.
    BadCredentials,
    /// The token is unknown, used or expired.
    BadToken,
    /// The e-mail address is verified already.
    AlreadyVerified,
    /// An input is missing, too long, out of its range, or not written as it must be: `detail.rule` names the rule.
    InvalidInput,
    /// Customers order on the web; staff enter orders by phone and at the counter.
    ChannelNotAllowed,
    /// The payment does not fit the fulfilment: at the counter for a delivery, or to a courier without one.
    PaymentNotAllowed,
    /// Only staff may give this reason.
    ReasonNotAllowed,
    /// Drinks and desserts are not baked.
    NotBaked,
    /// The stock would exceed its limit.
    StockLimitExceeded,
    /// This change needs the current password: send it as `currentPassword`.
    PasswordRequired,
    /// The password is right, and the account has an authenticator app: send its code as `totpCode`.
    TotpRequired,
    /// The code of the authenticator app is wrong, expired or was used before.
    BadTotpCode,
    /// An authenticator app is set up already: disable it first.
    TotpAlreadyEnabled,
    /// No authenticator app is set up or waits for its first code.
    TotpNotEnabled,
    /// A new object lacks a required value; for an existing one, omitted values stay unchanged.
    ValueRequired,
}
