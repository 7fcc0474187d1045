//! The one list of refusal codes. Another crate derives its own enum from the list by passing a macro to
//! [`for_each_refusal_code`](crate::for_each_refusal_code); it must never restate the list.

/// Calls a macro with every refusal code, each as `/// description` and `Variant = "CODE",`. The descriptions are
/// those of the API's schema.
#[macro_export]
macro_rules! for_each_refusal_code {
    ($callback:ident) => {
        $callback! {
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
            /// `ONLINE` money moves through the payment provider alone: it is not recorded or given back by hand.
            PaymentMethodNotAllowed = "PAYMENT_METHOD_NOT_ALLOWED",
            /// No payment provider is configured: nothing can be paid online for now.
            OnlinePaymentUnavailable = "ONLINE_PAYMENT_UNAVAILABLE",
            /// Too many payments of this order, or by this account within the hour, were declined; this one was not tried.
            TooManyDeclines = "TOO_MANY_DECLINES",
            /// The account must verify its e-mail address to hold this many unpaid orders or pieces.
            VerificationRequired = "VERIFICATION_REQUIRED",
            /// One customer would hold too many unpaid orders or pieces; paying for some makes room.
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
            /// The group needs a director: appoint another one first.
            LastDirector = "LAST_DIRECTOR",
            /// Not a role in which the caller hires or revokes.
            RoleNotAllowed = "ROLE_NOT_ALLOWED",
            /// The account was erased.
            AlreadyErased = "ALREADY_ERASED",
            /// Another account has this e-mail address.
            EmailTaken = "EMAIL_TAKEN",
            /// Not an e-mail address.
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
            /// A customer orders on the web; orders by phone and at the counter are entered by staff.
            ChannelNotAllowed = "CHANNEL_NOT_ALLOWED",
            /// A way to pay that does not go with the fulfilment: at the counter for a delivery, to a courier without one.
            PaymentNotAllowed = "PAYMENT_NOT_ALLOWED",
            /// A reason that only the pizzeria can have.
            ReasonNotAllowed = "REASON_NOT_ALLOWED",
            /// A drink or a dessert does not go through the oven.
            NotBaked = "NOT_BAKED",
            /// More in stock than a stock holds.
            StockLimitExceeded = "STOCK_LIMIT_EXCEEDED",
            /// The present password is needed for this change: send it as `currentPassword`.
            PasswordRequired = "PASSWORD_REQUIRED",
            /// The password is right, and the account has an authenticator app: send its code as `totpCode`.
            TotpRequired = "TOTP_REQUIRED",
            /// The code of the authenticator app is wrong, expired or was used before.
            BadTotpCode = "BAD_TOTP_CODE",
            /// An authenticator app is set up already: disable it first.
            TotpAlreadyEnabled = "TOTP_ALREADY_ENABLED",
            /// No authenticator app is set up or waits for its first code.
            TotpNotEnabled = "TOTP_NOT_ENABLED",
            /// A new thing lacks a value; for a thing that exists, an omitted value stays as it is.
            ValueRequired = "VALUE_REQUIRED",
        }
    };
}

macro_rules! refusal_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)+) => {
        /// Codes under which the API shows refusals: those of the domain contract, then this program's own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalCode { $($(#[$doc])* $variant,)+ }

        impl RefusalCode {
            /// Every code, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the code as written in the API, such as `INSUFFICIENT_STOCK`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

for_each_refusal_code!(refusal_codes);
