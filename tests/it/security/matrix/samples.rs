//! One operation for each root field and each guarded field, and more where an id can be given in another way. To
//! add one, write a line with the field and an operation that a caller in scope may execute.
//!
//! `$order`, `$delivery`, `$event`, `$customer`, `$pizzeria`, `$stock` and `$staff` stand for the target (see
//! [`super::fixtures`]), `$spare` for a customer without other uses. Mutations name a version that no object has, or
//! are refused for another reason of the domain, so that nothing changes: what counts is that they were allowed.

/// An operation and the field that it is about.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Such as `Query.order` or `Order.contact`.
    pub field: &'static str,
    /// The filter or argument that distinguishes it from other samples of the field.
    pub by: &'static str,
    /// The operation.
    pub document: &'static str,
    /// It ends the caller's session or account: each try needs its own.
    pub spends: bool,
}

const fn of(field: &'static str, document: &'static str) -> Sample {
    by(field, "", document)
}

const fn by(field: &'static str, by: &'static str, document: &'static str) -> Sample {
    Sample { field, by, document, spends: false }
}

const fn spent(field: &'static str, document: &'static str) -> Sample {
    Sample { field, by: "", document, spends: true }
}

/// A mutation of an object by `input`, at a version that no object has.
macro_rules! stale {
    ($field:literal, $input:literal) => {
        of(
            concat!("Mutation.", $field),
            concat!(
                "mutation { ",
                $field,
                "(input: { expectedVersion: 1000000, ",
                $input,
                " }) { userErrors { code } } }"
            ),
        )
    };
}

/// Every sample.
#[rustfmt::skip]
pub const SAMPLES: &[Sample] = &[
    of("Query.me", "{ me { id } }"),
    // `maintenance` is `null` here; `__typename` stands for it, to show that no caller is refused.
    of("Query.maintenance", "{ none: maintenance { message } maintenance: __typename }"),
    of("Query.menu", "{ menu(pizzeriaId: \"$pizzeria\") { version } }"),
    of("Query.pizzeria", "{ pizzeria(id: \"$pizzeria\") { id } }"),
    of("Query.pizzerias", "{ pizzerias { id } }"),
    of("Query.quoteOrder", "{ quoteOrder(input: { pizzeriaId: \"$pizzeria\", fulfilment: TAKEAWAY, lines: [] }) { acceptable } }"),
    of("Query.recipe", "{ recipe(pizza: \"MAR\", size: M) { version } }"),
    of("Query.log", "{ log { position } }"),
    of("Query.order", "{ order(id: \"$order\") { id } }"),
    of("Query.orders", "{ orders(first: 100) { nodes { id } } }"),
    by("Query.orders", "filter.pizzeriaId", "{ orders(first: 100, filter: { pizzeriaId: \"$pizzeria\" }) { nodes { id } } }"),
    by("Query.orders", "filter.customerId", "{ orders(first: 100, filter: { customerId: \"$customer\" }) { nodes { id } } }"),
    of("Query.orderBoard", "{ orderBoard(pizzeriaId: \"$pizzeria\") { orders { id } } }"),
    of("Query.kitchenQueue", "{ kitchenQueue(pizzeriaId: \"$pizzeria\") { id } }"),
    of("Query.delivery", "{ delivery(id: \"$delivery\") { id } }"),
    of("Query.deliveries", "{ deliveries(first: 100) { nodes { id } } }"),
    by("Query.deliveries", "filter.pizzeriaId", "{ deliveries(first: 100, filter: { pizzeriaId: \"$pizzeria\" }) { nodes { id } } }"),
    by("Query.deliveries", "filter.orderId", "{ deliveries(first: 100, filter: { orderId: \"$order\" }) { nodes { id } } }"),
    by("Query.deliveries", "filter.courierId", "{ deliveries(first: 100, filter: { courierId: \"$staff\" }) { nodes { id } } }"),
    of("Query.stock", "{ stock(pizzeriaId: \"$pizzeria\") { id } }"),
    of("Query.whyUnavailable", "{ whyUnavailable(pizzeriaId: \"$pizzeria\", pizza: \"MAR\", size: M) { available } }"),
    of("Query.sales", "{ sales(pizzeriaId: \"$pizzeria\", from: \"2026-01-01\", to: \"2026-01-02\") { date } }"),
    of("Query.closings", "{ closings(pizzeriaId: \"$pizzeria\", from: \"2026-01-01\", to: \"2026-01-02\") { date } }"),
    of("Query.events", "{ events(first: 1) { nodes { id } } }"),
    by("Query.events", "filter.pizzeriaId", "{ events(first: 1, filter: { pizzeriaId: \"$pizzeria\", afterPosition: \"0\" }) { nodes { id } } }"),
    by("Query.events", "filter.streamId", "{ events(first: 1, filter: { streamId: \"$order\" }) { nodes { id } } }"),
    by("Query.events", "filter.actorId", "{ events(first: 1, filter: { actorId: \"$customer\", afterPosition: \"0\" }) { nodes { id } } }"),
    of("Query.staff", "{ staff(first: 100) { nodes { id } } }"),
    by("Query.staff", "pizzeriaId", "{ staff(first: 100, pizzeriaId: \"$pizzeria\") { nodes { id } } }"),
    by("Query.node", "id of a pizzeria", "{ node(id: \"$pizzeria\") { id } }"),
    by("Query.node", "id of an order", "{ node(id: \"$order\") { id } }"),
    by("Query.node", "id of a delivery", "{ node(id: \"$delivery\") { id } }"),
    by("Query.node", "id of a stock", "{ node(id: \"$stock\") { id } }"),
    by("Query.node", "id of an event", "{ node(id: \"$event\") { id } }"),
    by("Query.node", "id of a customer", "{ node(id: \"$customer\") { id } }"),
    by("Query.node", "id of staff", "{ node(id: \"$staff\") { id } }"),

    of("Query.contactReads", "{ contactReads(first: 1) { pageInfo { hasNextPage } } }"),
    by("Query.contactReads", "filter.customerId", "{ contactReads(first: 1, filter: { customerId: \"$customer\" }) { pageInfo { hasNextPage } } }"),
    by("Query.contactReads", "filter.orderId", "{ contactReads(first: 1, filter: { orderId: \"$order\", from: \"2026-01-01T00:00:00Z\", to: \"2026-01-31T00:00:00Z\" }) { pageInfo { hasNextPage } } }"),
    by("Query.contactReads", "filter.readerId", "{ contactReads(first: 1, filter: { readerId: \"$staff\", from: \"2026-01-01T00:00:00Z\", to: \"2026-01-31T00:00:00Z\" }) { pageInfo { hasNextPage } } }"),

    of("Order.contact", "{ order(id: \"$order\") { contact { name } } }"),
    of("OrderLine.recipe", "{ order(id: \"$order\") { lines { recipe { version } } } }"),
    of("OrderLine.note", "{ order(id: \"$order\") { lines { note } } }"),
    of("Order.kitchenNote", "{ order(id: \"$order\") { kitchenNote } }"),
    of("Order.deliveryNote", "{ order(id: \"$order\") { deliveryNote } }"),
    of("Order.customerFirstName", "{ order(id: \"$order\") { customerFirstName } }"),
    of("Order.comments", "{ order(id: \"$order\") { comments { text } } }"),
    of("Delivery.comments", "{ delivery(id: \"$delivery\") { comments { text } } }"),
    of("Event.comments", "{ order(id: \"$order\") { history(first: 1) { nodes { comments { text } } } } }"),
    of("Order.note", "{ order(id: \"$order\") { note } }"),
    of("Order.preparedBy", "{ order(id: \"$order\") { preparedBy { id } } }"),
    of("Order.deliveryCode", "{ order(id: \"$order\") { deliveryCode } }"),
    of("Order.delivery", "{ order(id: \"$order\") { delivery { id } } }"),
    of("Order.history", "{ order(id: \"$order\") { history(first: 1) { nodes { id } } } }"),
    of("Delivery.contact", "{ delivery(id: \"$delivery\") { contact { name } } }"),
    of("Delivery.order", "{ delivery(id: \"$delivery\") { order { id } } }"),
    of("Delivery.history", "{ delivery(id: \"$delivery\") { history(first: 1) { nodes { id } } } }"),
    of("Event.payload", "{ order(id: \"$order\") { history(first: 1) { nodes { payload } } } }"),
    of("Event.cause", "{ delivery(id: \"$delivery\") { history(first: 1) { nodes { cause { id } } } } }"),
    of("Event.changes", "{ order(id: \"$order\") { history(first: 1) { nodes { changes { path } } } } }"),
    of("Stock.history", "{ stock(pizzeriaId: \"$pizzeria\") { history(first: 1) { nodes { id } } } }"),
    of("Pizzeria.couriers", "{ pizzeria(id: \"$pizzeria\") { couriers { id } } }"),
    of("Pizzeria.unpaidLimits", "{ pizzeria(id: \"$pizzeria\") { unpaidLimits { account { orders } } } }"),
    of("Staff.name", "{ node(id: \"$staff\") { ... on Staff { name } } }"),
    of("Staff.email", "{ node(id: \"$staff\") { ... on Staff { email } } }"),
    of("Staff.phone", "{ node(id: \"$staff\") { ... on Staff { phone } } }"),

    of("Mutation.placeOrder", "mutation { placeOrder(input: { pizzeriaId: \"$pizzeria\", channel: WEB, fulfilment: TAKEAWAY, payment: AT_COUNTER, lines: [] }) { userErrors { code } } }"),
    stale!("changeOrderLines", "orderId: \"$order\", lines: [{ item: \"WATER\", quantity: 1 }]"),
    stale!("cancelOrder", "orderId: \"$order\", reason: OTHER"),
    stale!("payOnline", "orderId: \"$order\""),
    stale!("recordPayment", "orderId: \"$order\", method: CASH, amount: \"1.00\""),
    stale!("refundOrder", "orderId: \"$order\", method: CASH, amount: \"1.00\""),
    stale!("startPreparation", "orderId: \"$order\""),
    stale!("markItemBaked", "orderId: \"$order\", line: 1"),
    stale!("markOrderReady", "orderId: \"$order\""),
    stale!("handOverOrder", "orderId: \"$order\""),
    of("Mutation.releaseUnpaidOrders", "mutation { releaseUnpaidOrders(input: { pizzeriaId: \"$pizzeria\", orderIds: \"$order\" }) { userErrors { code } } }"),
    stale!("claimDelivery", "deliveryId: \"$delivery\""),
    stale!("assignDelivery", "deliveryId: \"$delivery\", courierId: \"$staff\""),
    stale!("unassignDelivery", "deliveryId: \"$delivery\""),
    stale!("pickUpDelivery", "deliveryId: \"$delivery\""),
    of("Mutation.reportCourierPosition", "mutation { reportCourierPosition(input: { deliveryId: \"$delivery\", latitude: 48.9, longitude: 2.3 }) { userErrors { code } } }"),
    stale!("completeDelivery", "deliveryId: \"$delivery\", proof: { code: \"0000\" }"),
    stale!("failDelivery", "deliveryId: \"$delivery\", reason: ABSENT"),
    stale!("retryDelivery", "deliveryId: \"$delivery\""),
    stale!("returnDelivery", "deliveryId: \"$delivery\""),
    stale!("receiveSupply", "pizzeriaId: \"$pizzeria\", supplier: \"S\", deliveryNote: \"N\", lines: [{ ingredient: \"HAM\", quantity: 1 }]"),
    stale!("countStock", "pizzeriaId: \"$pizzeria\", lines: [{ ingredient: \"HAM\", quantity: 1 }]"),
    stale!("wasteIngredients", "pizzeriaId: \"$pizzeria\", reason: OTHER, lines: [{ ingredient: \"HAM\", quantity: 1 }]"),
    stale!("transferStock", "fromPizzeriaId: \"$pizzeria\", toPizzeriaId: \"P3\", lines: [{ ingredient: \"HAM\", quantity: 1 }]"),
    stale!("setStockThreshold", "pizzeriaId: \"$pizzeria\", ingredient: \"HAM\", threshold: 1"),
    stale!("blockPizza", "pizzeriaId: \"$pizzeria\", pizza: \"MAR\""),
    stale!("unblockPizza", "pizzeriaId: \"$pizzeria\", pizza: \"MAR\""),
    of("Mutation.openPizzeria", "mutation { openPizzeria(input: { code: \"P1\", name: \"N\", address: \"A\", latitude: 48.9, longitude: 2.3, hours: [], deliveryFee: \"1.00\", minimumOrder: \"1.00\", deliveryRadiusMetres: 1000 }) { userErrors { code } } }"),
    stale!("updatePizzeria", "pizzeriaId: \"$pizzeria\", name: \"N\""),
    stale!("pausePizzeria", "pizzeriaId: \"$pizzeria\""),
    stale!("resumePizzeria", "pizzeriaId: \"$pizzeria\""),
    stale!("publishMenu", "withdrawn: [\"MAR\"]"),
    of("Mutation.signUp", "mutation { signUp(input: { name: \"N\", email: \"n@ocpizza.example\", password: \"short\" }) { userErrors { code } } }"),
    of("Mutation.signIn", "mutation { signIn(input: { email: \"n@ocpizza.example\", password: \"not the password\" }) { userErrors { code } } }"),
    of("Mutation.verifyEmail", "mutation { verifyEmail(input: { token: \"T\" }) { userErrors { code } } }"),
    of("Mutation.requestPasswordReset", "mutation { requestPasswordReset(input: { email: \"N\" }) { userErrors { code } } }"),
    of("Mutation.resetPassword", "mutation { resetPassword(input: { token: \"T\", newPassword: \"another password\" }) { userErrors { code } } }"),
    stale!("updateMyAccount", "name: \"N\""),
    of("Mutation.changePassword", "mutation { changePassword(input: { currentPassword: \"not the password\", newPassword: \"another password\" }) { userErrors { code } } }"),
    of("Mutation.enrolTotp", "mutation { enrolTotp(input: { currentPassword: \"not the password\" }) { userErrors { code } } }"),
    of("Mutation.confirmTotp", "mutation { confirmTotp(input: { code: \"000000\" }) { userErrors { code } } }"),
    of("Mutation.disableTotp", "mutation { disableTotp(input: { currentPassword: \"not the password\", code: \"000000\" }) { userErrors { code } } }"),
    Sample { spends: true, ..of("Mutation.signOut", "mutation { signOut(input: {}) { userErrors { code } } }") },
    of("Mutation.requestEmailVerification", "mutation { requestEmailVerification(input: {}) { userErrors { code } } }"),
    stale!("hireStaff", "name: \"N\", email: \"courier1.$pizzeria@ocpizza.example\", role: COURIER, pizzeriaId: \"$pizzeria\""),
    stale!("revokeStaff", "staffId: \"$staff\""),

    spent("Mutation.eraseMyAccount", "mutation { eraseMyAccount(input: { currentPassword: \"quatre fromages\" }) { userErrors { code } } }"),
    of("Mutation.eraseCustomer", "mutation { eraseCustomer(input: { customerId: \"$spare\" }) { userErrors { code } } }"),

    of("Subscription.maintenanceChanged", "subscription { maintenanceChanged { position } }"),
    of("Subscription.orderChanged", "subscription { orderChanged(id: \"$order\") { position } }"),
    of("Subscription.deliveryChanged", "subscription { deliveryChanged(id: \"$delivery\") { position } }"),
    of("Subscription.kitchenQueueChanged", "subscription { kitchenQueueChanged(pizzeriaId: \"$pizzeria\") { position } }"),
    of("Subscription.stockChanged", "subscription { stockChanged(pizzeriaId: \"$pizzeria\") { position } }"),
    of("Subscription.readyDeliveries", "subscription { readyDeliveries(pizzeriaId: \"$pizzeria\", after: \"0\") { position } }"),
    of("Subscription.eventAppended", "subscription { eventAppended(after: \"0\") { position } }"),
    by("Subscription.eventAppended", "filter.pizzeriaId", "subscription { eventAppended(after: \"0\", filter: { pizzeriaId: \"$pizzeria\" }) { position } }"),
];
