//! Redacted rows. An event that holds the code that a customer tells the courier is exported without payload while the code
//! is of use: whoever has it could take the delivery. Its leaf hash is given instead of computed, so that the tree still
//! holds; what else the row says is not proven.

/// The types of events that hold a delivery code; only these may be redacted.
pub(crate) const TYPES: [&str; 2] = ["OrderPlaced", "DeliveryScheduled"];

/// Whether an event's code is of use, as a column of SQL: its order or delivery has not ended.
pub(crate) const IN_USE: &str = "CASE e.event_type \
    WHEN 'OrderPlaced' THEN e.payload #>> '{placement,deliveryCode}' IS NOT NULL AND NOT EXISTS ( \
        SELECT FROM events AS o WHERE o.aggregate_type = e.aggregate_type AND o.aggregate_id = e.aggregate_id \
        AND o.event_type IN ('OrderDelivered', 'OrderReturned', 'OrderHandedOver', 'OrderCancelled', 'OrderExpired')) \
    WHEN 'DeliveryScheduled' THEN e.payload ->> 'code' IS NOT NULL AND NOT EXISTS ( \
        SELECT FROM events AS d WHERE d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id \
        AND d.event_type IN ('DeliveryCompleted', 'DeliveryReturned')) \
    ELSE false END";
