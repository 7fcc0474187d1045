//! The API's enums: mirrors of the domain's, so that the domain knows no GraphQL. Conversions are generated both ways.

use async_graphql::Enum;

/// The currencies of amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Currency {
    /// Euro (ISO 4217).
    Eur,
}

/// The sizes of a pizza.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::menu::PizzaSize")]
pub enum PizzaSize {
    /// Small.
    S,
    /// Medium.
    M,
    /// Large.
    L,
}

/// The unit of an ingredient's quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::menu::Unit")]
pub enum Unit {
    /// Grams.
    Gram,
    /// Millilitres.
    Millilitre,
    /// Pieces.
    Piece,
}

/// The allergens of Annex II of Regulation (EU) 1169/2011, all fourteen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::menu::Allergen")]
pub enum Allergen {
    /// Cereals containing gluten.
    Gluten,
    /// Milk.
    Milk,
    /// Eggs.
    Egg,
    /// Fish.
    Fish,
    /// Crustaceans.
    Crustaceans,
    /// Peanuts.
    Peanuts,
    /// Soybeans.
    Soybeans,
    /// Nuts: almonds, hazelnuts, walnuts, cashews, pecans, Brazil nuts, pistachios, macadamias.
    Nuts,
    /// Celery.
    Celery,
    /// Mustard.
    Mustard,
    /// Sesame seeds.
    Sesame,
    /// Sulphur dioxide and sulphites above 10 mg/kg or 10 mg/l.
    Sulphites,
    /// Lupin.
    Lupin,
    /// Molluscs.
    Molluscs,
}

/// The part of the menu of a drink or dessert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::menu::Category")]
pub enum SideCategory {
    /// A drink.
    Drink,
    /// A dessert.
    Dessert,
}

/// The VAT class of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::vat::VatClass")]
pub enum VatClass {
    /// A pizza, with its extras.
    Pizza,
    /// A soft drink in a can or bottle.
    SoftDrink,
    /// Beer and wine.
    Alcohol,
    /// Packaged ice cream.
    IceCream,
}

/// How an order came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::order::OrderChannel")]
pub enum OrderChannel {
    /// By the customer, on the web.
    Web,
    /// By telephone.
    Phone,
    /// At the counter.
    Counter,
}

/// How an order reaches the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::order::Fulfilment")]
pub enum Fulfilment {
    /// Brought to the customer's door.
    Delivery,
    /// Fetched.
    Takeaway,
    /// Eaten in the pizzeria.
    OnSite,
}

/// How the customer will pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::order::PaymentIntent")]
pub enum PaymentIntent {
    /// Online, before preparation.
    Online,
    /// To the courier.
    OnDelivery,
    /// At the counter.
    AtCounter,
}

/// The means of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::order::PaymentMethod")]
pub enum PaymentMethod {
    /// Through the payment service.
    Online,
    /// By card, on a terminal.
    Card,
    /// In cash.
    Cash,
    /// By cheque.
    Cheque,
    /// By meal voucher.
    MealVoucher,
}

/// The kind of a payment step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::order::PaymentKind")]
pub enum PaymentKind {
    /// The payment service set it aside.
    Authorised,
    /// It came in.
    Captured,
    /// It was declined.
    Declined,
    /// It went back.
    Refunded,
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::order::CancelReason")]
pub enum CancelReason {
    /// The customer asked.
    CustomerRequest,
    /// The pizzeria asked.
    PizzeriaRequest,
    /// Something ran out after all.
    OutOfStock,
    /// The payment did not go through.
    PaymentFailed,
    /// Anything else.
    Other,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::order::OrderStatus")]
pub enum OrderStatus {
    /// Not enough stock: it never became an order and is not in `orders`. Refusals are `events` of
    /// type `OrderRefused`, and are counted in `sales.refused`.
    Refused,
    /// To be paid online first.
    AwaitingPayment,
    /// Accepted.
    Placed,
    /// Being made.
    InPreparation,
    /// Made.
    Ready,
    /// With a courier.
    OutForDelivery,
    /// At the customer's.
    Delivered,
    /// The courier could not deliver it.
    NotDelivered,
    /// Back at the pizzeria for good.
    Returned,
    /// Handed over at the counter.
    HandedOver,
    /// Cancelled.
    Cancelled,
    /// Not paid in time.
    Expired,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::delivery::DeliveryStatus")]
pub enum DeliveryStatus {
    /// Waiting for a courier.
    Scheduled,
    /// A courier will take it.
    Assigned,
    /// On its way.
    PickedUp,
    /// At the customer's.
    Delivered,
    /// It could not be delivered; the courier still has it.
    Failed,
    /// To be tried again.
    RetryScheduled,
    /// Back at the pizzeria for good.
    Returned,
}

/// Why a delivery failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::delivery::DeliveryFailure")]
pub enum DeliveryFailure {
    /// No answer at the door.
    Absent,
    /// No such address.
    WrongAddress,
    /// The customer did not want it.
    Refused,
    /// The courier could not get there.
    Unreachable,
    /// An accident.
    Accident,
    /// Anything else.
    Other,
}

/// Why something was thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::stock::WasteReason")]
pub enum WasteReason {
    /// Gone bad.
    Spoiled,
    /// It fell.
    Dropped,
    /// Made wrongly, or cancelled once started.
    Mistake,
    /// It was not collected.
    Uncollected,
    /// Anything else.
    Other,
}

/// The role of an account, which decides what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::access::Role")]
pub enum Role {
    /// Orders for themselves.
    Customer,
    /// Takes orders by phone and at the counter (standardiste).
    Receptionist,
    /// Makes the pizzas.
    Pizzaiolo,
    /// Delivers (livreur).
    Courier,
    /// Runs a pizzeria (gérant).
    Manager,
    /// Runs the group.
    Director,
    /// Reads everything, changes nothing.
    Auditor,
    /// Reactors and the functional check.
    System,
}

/// The kinds of stream in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum StreamType {
    /// One order.
    Order,
    /// The stock of one pizzeria.
    Stock,
    /// One delivery.
    Delivery,
    /// One point of sale.
    Pizzeria,
    /// The group's menu.
    Menu,
    /// One member of staff.
    Staff,
    /// One customer's account.
    Customer,
    /// The daily closings of one pizzeria.
    Closing,
    /// A kind that only a newer release knows. It is shown, but cannot be requested.
    Unknown,
}

impl From<domain::StreamType> for StreamType {
    fn from(kind: domain::StreamType) -> Self {
        match kind {
            domain::StreamType::Order => Self::Order,
            domain::StreamType::Stock => Self::Stock,
            domain::StreamType::Delivery => Self::Delivery,
            domain::StreamType::Pizzeria => Self::Pizzeria,
            domain::StreamType::Menu => Self::Menu,
            domain::StreamType::Staff => Self::Staff,
            domain::StreamType::Customer => Self::Customer,
            domain::StreamType::Closing => Self::Closing,
        }
    }
}

impl StreamType {
    /// The kind, of those that this program knows.
    pub fn known(self) -> Option<domain::StreamType> {
        domain::StreamType::ALL.into_iter().find(|kind| Self::from(*kind) == self)
    }
}

/// Proof that a delivery arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ProofKind {
    /// The customer's four digits.
    Code,
    /// A recipient took it and gave a name.
    ReceivedBy,
    /// A photograph.
    Photo,
}

/// The days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "chrono::Weekday")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}
