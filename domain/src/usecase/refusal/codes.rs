//! The one list of refusal codes, from which the API derives its own enum.

coded! { $ for_each_refusal_code
    /// Codes under which the API shows refusals: those of the domain contract, then this program's own. The
    /// descriptions are those of the API's schema.
    pub enum RefusalCode {
        /// The order has no lines.
        EmptyOrder = "EMPTY_ORDER",
        /// The item is not on the menu, or not in this size.
        UnknownPizza = "UNKNOWN_PIZZA",
        /// The pizzeria is outside its opening hours, or paused.
        PizzeriaClosed = "PIZZERIA_CLOSED",
        /// The address is outside the delivery area.
        OutOfDeliveryArea = "OUT_OF_DELIVERY_AREA",
        /// The total is below the minimum of a delivery.
        BelowMinimum = "BELOW_MINIMUM",
        /// The stock does not suffice.
        InsufficientStock = "INSUFFICIENT_STOCK",
        /// The total differs from `expectedTotal`.
        PriceChanged = "PRICE_CHANGED",
        /// Preparation has started.
        TooLate = "TOO_LATE",
        /// It is closed already.
        AlreadyClosed = "ALREADY_CLOSED",
        /// The payment service declined the payment.
        PaymentDeclined = "PAYMENT_DECLINED",
        /// The amount exceeds what is due.
        Overpaid = "OVERPAID",
        /// The amount exceeds what was paid.
        OverRefund = "OVER_REFUND",
        /// The command is not possible in the current state.
        WrongState = "WRONG_STATE",
        /// The order must be paid first.
        NotPaid = "NOT_PAID",
        /// A receipt with this delivery note exists.
        DuplicateReceipt = "DUPLICATE_RECEIPT",
        /// A courier has claimed the delivery already.
        AlreadyClaimed = "ALREADY_CLAIMED",
        /// The code is wrong.
        BadCode = "BAD_CODE",
        /// The object has changed since `expectedVersion`.
        StaleVersion = "STALE_VERSION",
        /// The idempotency key was used with another input.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
        /// The object does not exist.
        NotFound = "NOT_FOUND",
        /// The object exists already.
        AlreadyExists = "ALREADY_EXISTS",
        /// More lines or pieces than one order may have.
        OrderTooLarge = "ORDER_TOO_LARGE",
        /// The ingredient is not an extra of this item.
        UnknownExtra = "UNKNOWN_EXTRA",
        /// The ingredient is unknown, or cannot be left out.
        UnknownIngredient = "UNKNOWN_INGREDIENT",
        /// The pizzeria has blocked the pizza.
        PizzaBlocked = "PIZZA_BLOCKED",
        /// A delivery needs an address.
        AddressRequired = "ADDRESS_REQUIRED",
        /// The order has no such line.
        UnknownLine = "UNKNOWN_LINE",
        /// The amount must be greater than zero.
        InvalidAmount = "INVALID_AMOUNT",
        /// `ONLINE` payments go through the payment provider and cannot be recorded or refunded by hand.
        PaymentMethodNotAllowed = "PAYMENT_METHOD_NOT_ALLOWED",
        /// No payment provider is configured, so online payment is unavailable.
        OnlinePaymentUnavailable = "ONLINE_PAYMENT_UNAVAILABLE",
        /// Too many payments of this order, or by this account within the hour, were declined; this one was not tried.
        TooManyDeclines = "TOO_MANY_DECLINES",
        /// The account must verify its e-mail address to hold this many unpaid orders or pieces.
        VerificationRequired = "VERIFICATION_REQUIRED",
        /// The customer would hold too many unpaid orders or pieces; paying for some makes room.
        UnpaidLimit = "UNPAID_LIMIT",
        /// The deadline has not passed.
        NotExpired = "NOT_EXPIRED",
        /// The delivery belongs to another courier.
        NotYourDelivery = "NOT_YOUR_DELIVERY",
        /// The employee is not a courier of this pizzeria.
        UnknownCourier = "UNKNOWN_COURIER",
        /// The courier carries the maximum number of deliveries.
        CourierFull = "COURIER_FULL",
        /// At least one line is needed.
        EmptyLines = "EMPTY_LINES",
        /// Source and destination are the same pizzeria.
        SamePizzeria = "SAME_PIZZERIA",
        /// The pizza is blocked already.
        AlreadyBlocked = "ALREADY_BLOCKED",
        /// The pizza is not blocked.
        NotBlocked = "NOT_BLOCKED",
        /// The pizzeria is paused already.
        AlreadyPaused = "ALREADY_PAUSED",
        /// The pizzeria is not paused.
        NotPaused = "NOT_PAUSED",
        /// The input changes nothing.
        NothingToChange = "NOTHING_TO_CHANGE",
        /// A value is out of its range.
        OutOfRange = "OUT_OF_RANGE",
        /// Each code must name one object only.
        DuplicateCode = "DUPLICATE_CODE",
        /// A pizza needs sizes and recipes.
        NoRecipe = "NO_RECIPE",
        /// The employee has this role already.
        AlreadyHired = "ALREADY_HIRED",
        /// The employee is revoked already.
        AlreadyRevoked = "ALREADY_REVOKED",
        /// The group needs a director: appoint another one first.
        LastDirector = "LAST_DIRECTOR",
        /// The caller may not hire or revoke in this role.
        RoleNotAllowed = "ROLE_NOT_ALLOWED",
        /// The account was erased.
        AlreadyErased = "ALREADY_ERASED",
        /// Another account has this e-mail address.
        EmailTaken = "EMAIL_TAKEN",
        /// The e-mail address is malformed.
        InvalidEmail = "INVALID_EMAIL",
        /// The password is too short, too long, the e-mail address itself, or among the first that an attacker tries.
        WeakPassword = "WEAK_PASSWORD",
        /// Wrong e-mail address or password.
        BadCredentials = "BAD_CREDENTIALS",
        /// The token is unknown, used or expired.
        BadToken = "BAD_TOKEN",
        /// The e-mail address is verified already.
        AlreadyVerified = "ALREADY_VERIFIED",
        /// An input is missing, too long, out of its range, or not written as it must be: `detail.rule` names the rule.
        InvalidInput = "INVALID_INPUT",
        /// Customers order on the web; staff enter orders by phone and at the counter.
        ChannelNotAllowed = "CHANNEL_NOT_ALLOWED",
        /// The payment does not fit the fulfilment: at the counter for a delivery, or to a courier without one.
        PaymentNotAllowed = "PAYMENT_NOT_ALLOWED",
        /// Only staff may give this reason.
        ReasonNotAllowed = "REASON_NOT_ALLOWED",
        /// Drinks and desserts are not baked.
        NotBaked = "NOT_BAKED",
        /// The stock would exceed its limit.
        StockLimitExceeded = "STOCK_LIMIT_EXCEEDED",
        /// This change needs the current password: send it as `currentPassword`.
        PasswordRequired = "PASSWORD_REQUIRED",
        /// The password is right, and the account has an authenticator app: send its code as `totpCode`.
        TotpRequired = "TOTP_REQUIRED",
        /// The code of the authenticator app is wrong, expired or was used before.
        BadTotpCode = "BAD_TOTP_CODE",
        /// An authenticator app is set up already: disable it first.
        TotpAlreadyEnabled = "TOTP_ALREADY_ENABLED",
        /// No authenticator app is set up or waits for its first code.
        TotpNotEnabled = "TOTP_NOT_ENABLED",
        /// A new object lacks a required value; for an existing one, omitted values stay unchanged.
        ValueRequired = "VALUE_REQUIRED",
        /// A published ingredient keeps its unit: stocks, recipes and orders count in it. Publish a new ingredient instead.
        UnitFixed = "UNIT_FIXED",
    }
}
