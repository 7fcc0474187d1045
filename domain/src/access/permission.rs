//! What roles may do: one table, read by [`super::authorize`] and by the schema's `@requires`. It
//! says nothing about whose thing it is; that is the scope's part.

use super::Role;
use super::Role::{Auditor, Courier, Customer, Director, Manager, Pizzaiolo, Receptionist, System};

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident: $roles:expr,)+) => {
        /// Something that a role may do (DOMAIN.md, Roles), named as the API names it, or as its group.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])* $variant,)+ }

        impl Permission {
            /// Every permission, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        /// The roles that have a permission, each within its scope; what is not listed is denied.
        pub const fn roles_of(permission: Permission) -> &'static [Role] {
            match permission { $(Permission::$variant => $roles,)+ }
        }
    };
}

/// The customer, and who serves them: reception, the manager, the group.
const ORDERING: &[Role] = &[Customer, Receptionist, Manager, Director, System];
const KITCHEN: &[Role] = &[Pizzaiolo, Manager, Director, System];
const KITCHEN_READ: &[Role] = &[Pizzaiolo, Manager, Director, Auditor, System];
const COURIERS: &[Role] = &[Courier, Manager, Director, System];
const MANAGEMENT: &[Role] = &[Manager, Director, System];
const MANAGEMENT_READ: &[Role] = &[Manager, Director, Auditor, System];
const GROUP: &[Role] = &[Director, System];

permissions! {
    /// `menu`, `pizzerias`, `pizzeria`: anyone, without an account.
    ReadMenu: &Role::ALL,
    /// `signUp`, `signIn`, `verifyEmail`, `requestPasswordReset`, `resetPassword`: anyone; what is asked for
    /// there is a password, or a token that was sent by mail.
    SignIn: &Role::ALL,
    /// `me`, `updateMyAccount`, `changePassword`, `signOut`, `enrolTotp`, `confirmTotp`, `disableTotp`: one's own
    /// account and nobody else's.
    ManageOwnAccount: &Role::ALL,
    /// `quoteOrder`.
    QuoteOrder: ORDERING,
    /// `placeOrder`.
    PlaceOrder: ORDERING,
    /// `changeOrderLines`.
    ChangeOrderLines: ORDERING,
    /// `cancelOrder`, while preparation has not started.
    CancelOrder: ORDERING,
    /// `cancelOrder` once preparation has started.
    CancelStartedOrder: MANAGEMENT,
    /// `payOnline`.
    PayOnline: ORDERING,
    /// `recordPayment`: money taken at the counter or at the door.
    RecordPayment: &[Receptionist, Courier, Manager, Director, System],
    /// `refundOrder`.
    RefundOrder: MANAGEMENT,
    /// `order` with its history, `orderChanged`.
    ReadOrder: &[Customer, Receptionist, Pizzaiolo, Courier, Manager, Director, Auditor, System],
    /// `orderBoard`.
    ReadBoard: &[Receptionist, Manager, Director, Auditor, System],
    /// `orders`: other customers' history is no business of couriers, nor of the kitchen.
    ListOrders: &[Customer, Receptionist, Manager, Director, Auditor, System],
    /// The name, phone and address of an order; auditors see a pseudonym in their place, the kitchen needs none.
    ReadContact: &[Customer, Receptionist, Courier, Manager, Director, Auditor, System],
    /// What older clients let the customer tell the pizzeria: for the kitchen and the courier alike, nothing for
    /// auditors.
    ReadNote: &[Customer, Receptionist, Pizzaiolo, Courier, Manager, Director, System],
    /// What the customer tells the kitchen, about the order and its lines; not for couriers, nor for auditors.
    ReadKitchenNote: &[Customer, Receptionist, Pizzaiolo, Manager, Director, System],
    /// What the customer tells the courier; not for the kitchen, nor for auditors.
    ReadDeliveryNote: &[Customer, Receptionist, Courier, Manager, Director, System],
    /// The customer's first name, which the kitchen's ticket shows.
    ReadFirstName: &[Customer, Receptionist, Pizzaiolo, Courier, Manager, Director, System],
    /// What was written beside the reason of a cancellation, a refund, a failed delivery or a waste.
    ReadComment: &[Receptionist, Pizzaiolo, Courier, Manager, Director, System],
    /// The four digits that the customer tells the courier: never for the courier.
    ReadDeliveryCode: &[Customer, Receptionist, Manager, Director],
    /// `kitchenQueue`, `kitchenQueueChanged`.
    ReadKitchen: KITCHEN_READ,
    /// `recipe`: the group's, the same in every pizzeria.
    ReadRecipe: KITCHEN_READ,
    /// `startPreparation`, `markItemBaked`, `markOrderReady`.
    PrepareOrder: KITCHEN,
    /// `handOverOrder`.
    HandOverOrder: &[Receptionist, Manager, Director, System],
    /// `delivery`, `deliveryChanged`, with the courier's position.
    ReadDelivery: &[Customer, Receptionist, Courier, Manager, Director, Auditor, System],
    /// `deliveries`, `readyDeliveries`.
    ListDeliveries: &[Receptionist, Courier, Manager, Director, Auditor, System],
    /// `claimDelivery`.
    ClaimDelivery: COURIERS,
    /// `assignDelivery`.
    AssignDelivery: MANAGEMENT,
    /// `unassignDelivery`, `pickUpDelivery`, `completeDelivery`, `failDelivery`, `retryDelivery`, `returnDelivery`.
    CarryDelivery: COURIERS,
    /// `reportCourierPosition`.
    ReportCourierPosition: COURIERS,
    /// `stock`, `stockChanged`.
    ReadStock: &[Receptionist, Pizzaiolo, Manager, Director, Auditor, System],
    /// `receiveSupply`, `countStock`, `wasteIngredients`.
    KeepStock: KITCHEN,
    /// `transferStock`; the scope is the pizzeria that sends.
    TransferStock: MANAGEMENT,
    /// `setStockThreshold`.
    SetStockThreshold: MANAGEMENT,
    /// `blockPizza`, `unblockPizza`.
    BlockPizza: MANAGEMENT,
    /// `pausePizzeria`, `resumePizzeria`.
    PausePizzeria: MANAGEMENT,
    /// `hireStaff`, `revokeStaff`; which roles, says [`Role::may_hire`].
    ManageStaff: MANAGEMENT,
    /// `Pizzeria.unpaidLimits`: how much one customer may have open and unpaid.
    ReadUnpaidLimits: &[Receptionist, Manager, Director, Auditor, System],
    /// `releaseUnpaidOrders`.
    ReleaseUnpaidOrders: MANAGEMENT,
    /// `sales`, `closings`.
    ReadSales: MANAGEMENT_READ,
    /// `events`, `eventAppended`: a manager's are those of the pizzeria.
    ReadEvents: MANAGEMENT_READ,
    /// What an event carries, as stored.
    ReadPayload: MANAGEMENT_READ,
    /// What a member of staff is called, for whoever was shown them; auditors see a pseudonym.
    ReadStaffName: &Role::ALL,
    /// `log`: how far the log has come; it shows no event.
    ReadLog: MANAGEMENT_READ,
    /// `openPizzeria`.
    OpenPizzeria: GROUP,
    /// `updatePizzeria`: hours, area and prices are the group's.
    UpdatePizzeria: GROUP,
    /// `publishMenu`.
    PublishMenu: GROUP,
    /// `eraseMyAccount`: a customer's own; staff are revoked instead.
    EraseOwnAccount: &[Customer],
    /// `eraseCustomer`: on a customer's request that comes by another way.
    EraseCustomer: GROUP,
    /// `contactReads`: who of the staff has read whose contact.
    ReadContactReads: GROUP,
}

impl Permission {
    /// Whether it needs no account at all.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::ReadMenu | Self::SignIn)
    }

    /// Whether the functional check needs it, in its own pizzeria. What it does not need it may not: its token
    /// lies where programs run that watch over others.
    pub(super) const fn is_of_functional_check(self) -> bool {
        matches!(
            self,
            Self::OpenPizzeria
                | Self::PlaceOrder
                | Self::CancelOrder
                | Self::CancelStartedOrder
                | Self::RecordPayment
                | Self::RefundOrder
                | Self::ReadOrder
                | Self::ReadBoard
                | Self::ListOrders
                | Self::ReadKitchen
                | Self::ReadRecipe
                | Self::PrepareOrder
                | Self::HandOverOrder
                | Self::ReadDelivery
                | Self::ListDeliveries
                | Self::ClaimDelivery
                | Self::CarryDelivery
                | Self::ReadStock
                | Self::KeepStock
                | Self::ReadSales
                | Self::ReadEvents
                | Self::ReadLog
        )
    }

    /// Whether it is about something that every pizzeria shares, so that holding it is enough.
    pub(super) const fn is_shared(self) -> bool {
        matches!(self, Self::ReadRecipe | Self::ReadLog)
    }
}
