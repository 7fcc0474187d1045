//! Redacted rows. An event with a delivery code, which entitles to receive the delivery, is exported without payload until
//! the delivery has ended. Its leaf hash is given instead of computed, so that the tree is still valid; the row's other
//! columns are not proven.

/// Types of events with a delivery code; only these may be redacted.
pub(crate) const TYPES: [&str; 2] = ["OrderPlaced", "DeliveryScheduled"];

/// SQL expression: the event has a delivery code, and its order or delivery has not ended. Versions of newer programs
/// count as if they had one.
pub(crate) const IN_USE: &str = "CASE e.event_type \
    WHEN 'OrderPlaced' THEN (e.event_version NOT IN ('1.0.0', '2.0.0') OR e.payload #>> '{placement,deliveryCode}' IS NOT NULL) AND NOT EXISTS ( \
        SELECT FROM events AS o WHERE o.aggregate_type = e.aggregate_type AND o.aggregate_id = e.aggregate_id \
        AND o.event_type IN ('OrderDelivered', 'OrderReturned', 'OrderHandedOver', 'OrderCancelled', 'OrderExpired')) \
    WHEN 'DeliveryScheduled' THEN (e.event_version <> '1.0.0' OR e.payload ->> 'code' IS NOT NULL) AND NOT EXISTS ( \
        SELECT FROM events AS d WHERE d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id \
        AND d.event_type IN ('DeliveryCompleted', 'DeliveryReturned')) \
    ELSE false END";
