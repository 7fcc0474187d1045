//! The table of permissions by role, read by [`super::authorize`] and by the schema's `@requires`. It never
//! looks at an owner or a pizzeria; that is the scope's part.

use super::Role;
use super::Role::{Auditor, Courier, Customer, Director, Manager, Pizzaiolo, Receptionist, System};

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident: $roles:expr,)+) => {
        /// Permission of a role (DOMAIN.md, Roles), named after its API field or group of fields.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])* $variant,)+ }

        impl Permission {
            /// Every permission, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        /// Returns the roles that have a permission, each within its scope; every other role is denied.
        pub const fn roles_of(permission: Permission) -> &'static [Role] {
            match permission { $(Permission::$variant => $roles,)+ }
        }
    };
}

/// The customer, and the roles that take orders for customers.
const ORDERING: &[Role] = &[Customer, Receptionist, Manager, Director, System];
const KITCHEN: &[Role] = &[Pizzaiolo, Manager, Director, System];
const KITCHEN_READ: &[Role] = &[Pizzaiolo, Manager, Director, Auditor, System];
const COURIERS: &[Role] = &[Courier, Manager, Director, System];
const MANAGEMENT: &[Role] = &[Manager, Director, System];
const MANAGEMENT_READ: &[Role] = &[Manager, Director, Auditor, System];
const GROUP: &[Role] = &[Director, System];

permissions! {
    /// `menu`, `pizzerias`, `pizzeria`: open to anonymous callers.
    ReadMenu: &Role::ALL,
    /// `signUp`, `signIn`, `verifyEmail`, `requestPasswordReset`, `resetPassword`: open to anonymous callers,
    /// who give a password or a token sent by mail.
    SignIn: &Role::ALL,
    /// `me`, `updateMyAccount`, `changePassword`, `signOut`, `enrolTotp`, `confirmTotp`, `disableTotp`: the
    /// caller's own account only.
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
    /// `orders`: couriers and the kitchen have no access to order histories.
    ListOrders: &[Customer, Receptionist, Manager, Director, Auditor, System],
    /// The name, phone and address of an order; auditors see a pseudonym instead, the kitchen sees none.
    ReadContact: &[Customer, Receptionist, Courier, Manager, Director, Auditor, System],
    /// The single note of older clients, for both the kitchen and the courier; not for auditors.
    ReadNote: &[Customer, Receptionist, Pizzaiolo, Courier, Manager, Director, System],
    /// The customer's notes for the kitchen, on the order and its lines; not for couriers or auditors.
    ReadKitchenNote: &[Customer, Receptionist, Pizzaiolo, Manager, Director, System],
    /// The customer's note for the courier; not for the kitchen or auditors.
    ReadDeliveryNote: &[Customer, Receptionist, Courier, Manager, Director, System],
    /// The customer's first name, as on the kitchen's ticket.
    ReadFirstName: &[Customer, Receptionist, Pizzaiolo, Courier, Manager, Director, System],
    /// The comment beside the reason of a cancellation, a refund, a failed delivery or a waste.
    ReadComment: &[Receptionist, Pizzaiolo, Courier, Manager, Director, System],
    /// The four digits that the customer tells the courier; hidden from the courier.
    ReadDeliveryCode: &[Customer, Receptionist, Manager, Director],
    /// `kitchenQueue`, `kitchenQueueChanged`.
    ReadKitchen: KITCHEN_READ,
    /// `recipe`: shared by every pizzeria of the group.
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
    /// `unassignDelivery`, `pickUpDelivery`, `completeDelivery`, `failDelivery`, `retryDelivery`,
    /// `returnDelivery`.
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
    /// `hireStaff`, `revokeStaff`, for the roles that [`Role::may_hire`] allows.
    ManageStaff: MANAGEMENT,
    /// `Pizzeria.unpaidLimits`: limits on one customer's open unpaid orders.
    ReadUnpaidLimits: &[Receptionist, Manager, Director, Auditor, System],
    /// `releaseUnpaidOrders`.
    ReleaseUnpaidOrders: MANAGEMENT,
    /// `sales`, `closings`.
    ReadSales: MANAGEMENT_READ,
    /// `events`, `eventAppended`: a manager sees the events of the own pizzeria.
    ReadEvents: MANAGEMENT_READ,
    /// The stored payload of an event.
    ReadPayload: MANAGEMENT_READ,
    /// The name of a member of staff; auditors see a pseudonym.
    ReadStaffName: &Role::ALL,
    /// `log`: the log's length; shows no event.
    ReadLog: MANAGEMENT_READ,
    /// `openPizzeria`.
    OpenPizzeria: GROUP,
    /// `updatePizzeria`: the group decides hours, area and prices.
    UpdatePizzeria: GROUP,
    /// `publishMenu`.
    PublishMenu: GROUP,
    /// `eraseMyAccount`: customers only; staff are revoked instead.
    EraseOwnAccount: &[Customer],
    /// `eraseCustomer`: for requests that arrive outside the API.
    EraseCustomer: GROUP,
    /// `contactReads`: the record of staff who read contacts.
    ReadContactReads: GROUP,
}

impl Permission {
    /// Whether anonymous callers have it.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::ReadMenu | Self::SignIn)
    }

    /// Whether the functional check has it, in its own pizzeria. It has only what it needs, because its token
    /// is stored on monitoring hosts.
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

    /// Whether it concerns data shared by every pizzeria, so that no scope is checked.
    pub(super) const fn is_shared(self) -> bool {
        matches!(self, Self::ReadRecipe | Self::ReadLog)
    }
}
