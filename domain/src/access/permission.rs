//! The table of permissions by role, read by [`super::authorize`] and by the schema's `@requires`. It never
//! looks at an owner or a pizzeria; that is the scope's part.

use super::Role;
use super::Role::{Auditor, Courier, Customer, Director, Manager, Pizzaiolo, Receptionist, System};

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident: $roles:expr, check: $check:literal;)+) => {
        /// Permission of a role (DOMAIN.md, Roles), named after its API field or group of fields.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])* $variant,)+ }

        impl Permission {
            /// Every permission, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the variant's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }

            /// Returns whether the functional check has it, in its own pizzeria. It has only what it needs, because
            /// its token is stored on monitoring hosts.
            pub(super) const fn is_of_functional_check(self) -> bool {
                match self { $(Self::$variant => $check,)+ }
            }
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
    /// `updateMyAccount`, `changePassword`, `signOut`, `enrolTotp`, `confirmTotp`, `disableTotp`: the
    /// caller's own account only.
    ManageOwnAccount: &Role::ALL, check: false;
    /// `placeOrder`.
    PlaceOrder: ORDERING, check: true;
    /// `changeOrderLines`.
    ChangeOrderLines: ORDERING, check: false;
    /// `cancelOrder`, while preparation has not started.
    CancelOrder: ORDERING, check: true;
    /// `cancelOrder` once preparation has started.
    CancelStartedOrder: MANAGEMENT, check: true;
    /// `payOnline`.
    PayOnline: ORDERING, check: false;
    /// `recordPayment`: money taken at the counter or at the door.
    RecordPayment: &[Receptionist, Courier, Manager, Director, System], check: true;
    /// `refundOrder`.
    RefundOrder: MANAGEMENT, check: true;
    /// `order` with its history, `orderChanged`.
    ReadOrder: &[Customer, Receptionist, Pizzaiolo, Courier, Manager, Director, Auditor, System], check: true;
    /// `orderBoard`.
    ReadBoard: &[Receptionist, Manager, Director, Auditor, System], check: true;
    /// `orders`: couriers and the kitchen have no access to order histories.
    ListOrders: &[Customer, Receptionist, Manager, Director, Auditor, System], check: true;
    /// The name, phone and address of an order; auditors see a pseudonym instead, the kitchen sees none.
    ReadContact: &[Customer, Receptionist, Courier, Manager, Director, Auditor, System], check: false;
    /// The single note of older clients, for both the kitchen and the courier; not for auditors.
    ReadNote: &[Customer, Receptionist, Pizzaiolo, Courier, Manager, Director, System], check: false;
    /// The customer's notes for the kitchen, on the order and its lines; not for couriers or auditors.
    ReadKitchenNote: &[Customer, Receptionist, Pizzaiolo, Manager, Director, System], check: false;
    /// The customer's note for the courier; not for the kitchen or auditors.
    ReadDeliveryNote: &[Customer, Receptionist, Courier, Manager, Director, System], check: false;
    /// The customer's first name, as on the kitchen's ticket.
    ReadFirstName: &[Customer, Receptionist, Pizzaiolo, Courier, Manager, Director, System], check: false;
    /// The comment beside the reason of a cancellation, a refund, a failed delivery or a waste.
    ReadComment: &[Receptionist, Pizzaiolo, Courier, Manager, Director, System], check: false;
    /// The four digits that the customer tells the courier; hidden from the courier.
    ReadDeliveryCode: &[Customer, Receptionist, Manager, Director], check: false;
    /// `kitchenQueue`, `kitchenQueueChanged`.
    ReadKitchen: KITCHEN_READ, check: true;
    /// `recipe`: shared by every pizzeria of the group.
    ReadRecipe: KITCHEN_READ, check: true;
    /// `startPreparation`, `markItemBaked`, `markOrderReady`.
    PrepareOrder: KITCHEN, check: true;
    /// `handOverOrder`.
    HandOverOrder: &[Receptionist, Manager, Director, System], check: true;
    /// `delivery`, `deliveryChanged`, with the courier's position.
    ReadDelivery: &[Customer, Receptionist, Courier, Manager, Director, Auditor, System], check: true;
    /// `deliveries`, `readyDeliveries`.
    ListDeliveries: &[Receptionist, Courier, Manager, Director, Auditor, System], check: true;
    /// `claimDelivery`.
    ClaimDelivery: COURIERS, check: true;
    /// `assignDelivery`.
    AssignDelivery: MANAGEMENT, check: false;
    /// `unassignDelivery`, `pickUpDelivery`, `completeDelivery`, `failDelivery`, `retryDelivery`,
    /// `returnDelivery`.
    CarryDelivery: COURIERS, check: true;
    /// `reportCourierPosition`.
    ReportCourierPosition: COURIERS, check: false;
    /// `stock`, `stockChanged`.
    ReadStock: &[Receptionist, Pizzaiolo, Manager, Director, Auditor, System], check: true;
    /// `receiveSupply`, `countStock`, `wasteIngredients`.
    KeepStock: KITCHEN, check: true;
    /// `transferStock`; the scope is the pizzeria that sends.
    TransferStock: MANAGEMENT, check: false;
    /// `setStockThreshold`.
    SetStockThreshold: MANAGEMENT, check: false;
    /// `blockPizza`, `unblockPizza`.
    BlockPizza: MANAGEMENT, check: false;
    /// `pausePizzeria`, `resumePizzeria`.
    PausePizzeria: MANAGEMENT, check: false;
    /// `hireStaff`, `revokeStaff`, for the roles that [`Role::may_hire`] allows.
    ManageStaff: MANAGEMENT, check: false;
    /// `Pizzeria.unpaidLimits`: limits on one customer's open unpaid orders.
    ReadUnpaidLimits: &[Receptionist, Manager, Director, Auditor, System], check: false;
    /// `releaseUnpaidOrders`.
    ReleaseUnpaidOrders: MANAGEMENT, check: false;
    /// `sales`, `closings`.
    ReadSales: MANAGEMENT_READ, check: true;
    /// `events`, `eventAppended`: a manager sees the events of the own pizzeria.
    ReadEvents: MANAGEMENT_READ, check: true;
    /// The stored payload of an event.
    ReadPayload: MANAGEMENT_READ, check: false;
    /// The name of a member of staff; auditors see a pseudonym.
    ReadStaffName: &Role::ALL, check: false;
    /// `log`: the log's length; shows no event.
    ReadLog: MANAGEMENT_READ, check: true;
    /// `openPizzeria`.
    OpenPizzeria: GROUP, check: true;
    /// `updatePizzeria`: the group decides hours, area and prices.
    UpdatePizzeria: GROUP, check: false;
    /// `publishMenu`.
    PublishMenu: GROUP, check: false;
    /// `eraseMyAccount`: customers only; staff are revoked instead.
    EraseOwnAccount: &[Customer], check: false;
    /// `eraseCustomer`: for requests that arrive outside the API.
    EraseCustomer: GROUP, check: false;
    /// `contactReads`: the record of staff who read contacts.
    ReadContactReads: GROUP, check: false;
}

impl Permission {
    /// Whether it concerns data shared by every pizzeria, so that no scope is checked.
    pub(super) const fn is_shared(self) -> bool {
        matches!(self, Self::ReadRecipe | Self::ReadLog)
    }
}
