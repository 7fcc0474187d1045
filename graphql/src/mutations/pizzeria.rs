//! Mutations of pizzerias: opened and changed by the group, paused and resumed by their managers.

use async_graphql::{Context, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::access::{Permission, Scope};
use domain::ids::PizzeriaId;
use domain::pizzeria::{
    Changes, Opening, OpeningSpan, PizzeriaCommand, RADIUS_MAX_M, UnpaidChanges, UnpaidLimit, WeeklyHours,
};
use domain::usecase::ToPizzeria;
use event_store::CommandContext;

use super::allowed::allowed_pizzeria;
use super::notes::About;
use super::run::{execute, execute_with, payloads, read_context, settled};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::inputs::{InputRule, NAME_MAX, Path, Problems};
use crate::scalars::Decimal;
use crate::types::enums::Weekday;
use crate::types::pizzeria::Pizzeria;

/// Upper bound on the opening spans of a week: three a day.
const SPANS_MAX: usize = 21;

/// A span of a day during which a pizzeria is open, in local time.
#[derive(Debug, InputObject)]
pub struct OpeningHoursInput {
    /// The day of the week.
    pub day: Weekday,
    /// The start, such as `11:30`.
    pub opens: String,
    /// The end, such as `14:00`; midnight is `24:00`.
    pub closes: String,
}

/// A limit on a customer's open and unpaid orders. The maximum of both values means unlimited.
#[derive(Debug, InputObject)]
pub struct UnpaidLimitInput {
    /// Number of orders that are neither paid nor started, 0 to 10,000.
    pub orders: i64,
    /// Number of pieces of those orders, 0 to 100,000.
    pub pieces: i64,
}

/// Limits on a customer's open and unpaid orders; an omitted limit stays unchanged.
#[derive(Debug, InputObject)]
pub struct UnpaidLimitsInput {
    /// The limit for an account with a verified e-mail address.
    pub account: Option<UnpaidLimitInput>,
    /// The limit for an account without a verified e-mail address.
    pub unverified: Option<UnpaidLimitInput>,
    /// The limit for a customer without an account, by phone number and by address.
    pub caller: Option<UnpaidLimitInput>,
}

/// The pizzeria to open.
#[derive(Debug, InputObject)]
pub struct OpenPizzeriaInput {
    /// The code, such as `P6`: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: String,
    /// The name.
    pub name: String,
    /// The postal address, in one line.
    pub address: String,
    /// Latitude in degrees, WGS 84, -90 to 90.
    pub latitude: f64,
    /// Longitude in degrees, WGS 84, -180 to 180.
    pub longitude: f64,
    /// The time zone, by its name in the IANA database.
    #[graphql(default_with = "\"Europe/Paris\".to_owned()")]
    pub time_zone: String,
    /// The opening hours.
    pub hours: Vec<OpeningHoursInput>,
    /// The delivery radius, in metres.
    pub delivery_radius_metres: i64,
    /// The delivery fee, VAT included.
    pub delivery_fee: Decimal,
    /// The minimum price of a delivered order, without the delivery fee.
    pub minimum_order: Decimal,
    /// Limits on a customer's open and unpaid orders; by default 5 orders and 40 pieces, and 2 orders and 12
    /// pieces for an account without a verified e-mail address.
    pub unpaid_limits: Option<UnpaidLimitsInput>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
}

/// Changes to a pizzeria; omitted fields stay unchanged.
#[derive(Debug, InputObject)]
pub struct UpdatePizzeriaInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// The name.
    pub name: Option<String>,
    /// The opening hours of the days listed; other days stay unchanged.
    pub hours: Option<Vec<OpeningHoursInput>>,
    /// The days of the week without opening hours from now on.
    pub closed_days: Option<Vec<Weekday>>,
    /// The delivery radius, in metres.
    pub delivery_radius_metres: Option<i64>,
    /// The delivery fee, VAT included.
    pub delivery_fee: Option<Decimal>,
    /// The minimum price of a delivered order, without the delivery fee.
    pub minimum_order: Option<Decimal>,
    /// Limits on a customer's open and unpaid orders; an omitted limit stays unchanged.
    pub unpaid_limits: Option<UnpaidLimitsInput>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// The pizzeria to pause.
#[derive(Debug, InputObject)]
pub struct PausePizzeriaInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// The reason, at most 200 characters.
    pub reason: Option<String>,
    /// The end of the pause; until resumed when omitted.
    pub until: Option<DateTime<Utc>>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// The pizzeria to resume.
#[derive(Debug, InputObject)]
pub struct ResumePizzeriaInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { pizzeria: Pizzeria, Pizzeria::of_result;
    /// The opened pizzeria.
    OpenPizzeriaPayload,
    /// The updated pizzeria.
    UpdatePizzeriaPayload,
    /// The paused pizzeria.
    PausePizzeriaPayload,
    /// The resumed pizzeria.
    ResumePizzeriaPayload,
}

/// Mutations of pizzerias.
#[derive(Debug, Default)]
pub struct PizzeriaMutation;

/// Mutations of pizzerias.
#[Object]
impl PizzeriaMutation {
    /// Opens a pizzeria.
    #[graphql(directive = requires::apply(Permission::OpenPizzeria))]
    async fn open_pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: OpenPizzeriaInput,
    ) -> Result<OpenPizzeriaPayload, ApiError> {
        settled(ctx, open(ctx, input).await)
    }

    /// Changes a pizzeria's name, opening hours, delivery area, fee, minimum or limits on unpaid orders.
    #[graphql(directive = requires::apply(Permission::UpdatePizzeria))]
    async fn update_pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: UpdatePizzeriaInput,
    ) -> Result<UpdatePizzeriaPayload, ApiError> {
        let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
        let payload = async {
            let mut problems = Problems::default();
            let days = hours(&mut problems, input.hours.as_deref().unwrap_or_default());
            let closed: Vec<_> = input.closed_days.iter().flatten().map(|day| (*day).into()).collect();
            if days.iter().flat_map(|days| days.spans()).any(|span| closed.contains(&span.day)) {
                problems.add("closedDays", InputRule::NotApplicable);
            }
            let changes = Changes {
                name: input.name.as_deref().and_then(|name| problems.text("name", name, NAME_MAX)),
                hours: None,
                radius_m: input.delivery_radius_metres.and_then(|radius| metres(&mut problems, radius)),
                delivery_fee: input.delivery_fee.and_then(|fee| problems.amount("deliveryFee", fee)),
                minimum: input.minimum_order.and_then(|least| problems.amount("minimumOrder", least)),
                unpaid: unpaid(&mut problems, input.unpaid_limits),
            };
            let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
            let days = problems.all(days)?;
            let command = PizzeriaCommand::Update { changes, days, closed, now: ctx.now()? };
            execute(ctx, ToPizzeria { name: "updatePizzeria", pizzeria, command }, context).await
        };
        settled(ctx, payload.await)
    }

    /// Stops taking orders until the pause ends. For a pizzeria that is already paused, changes the end or
    /// the reason; an omitted reason stays unchanged.
    #[graphql(directive = requires::apply(Permission::PausePizzeria))]
    async fn pause_pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: PausePizzeriaInput,
    ) -> Result<PausePizzeriaPayload, ApiError> {
        let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
        let payload = async {
            let mut problems = Problems::default();
            let reason = problems.optional_text("reason", input.reason.as_deref(), NAME_MAX);
            let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
            problems.check()?;
            let (reason, notes) = About::default().reason(reason);
            let context = CommandContext { notes, ..context };
            let command = PizzeriaCommand::Pause { reason, until: input.until, now: ctx.now()? };
            execute(ctx, ToPizzeria { name: "pausePizzeria", pizzeria, command }, context).await
        };
        settled(ctx, payload.await)
    }

    /// Ends the pause of a pizzeria.
    #[graphql(directive = requires::apply(Permission::PausePizzeria))]
    async fn resume_pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ResumePizzeriaInput,
    ) -> Result<ResumePizzeriaPayload, ApiError> {
        let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
        let command = PizzeriaCommand::Resume { now: ctx.now()? };
        let use_case = ToPizzeria { name: "resumePizzeria", pizzeria, command };
        execute_with(ctx, use_case, input.idempotency_key, input.expected_version).await
    }
}

/// Opens a pizzeria under a code for which the caller is authorized.
async fn open(ctx: &Context<'_>, input: OpenPizzeriaInput) -> Result<OpenPizzeriaPayload, ApiError> {
    let mut problems = Problems::default();
    let pizzeria = problems.new_code::<PizzeriaId>("code", &input.code);
    ctx.caller()?.reach(pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria))?;
    let name = problems.text("name", &input.name, NAME_MAX);
    let address = problems.text("address", &input.address, NAME_MAX);
    let place = problems.place(Path::Input, input.latitude, input.longitude);
    let timezone = input.time_zone.parse::<Tz>().ok();
    if timezone.is_none() {
        problems.add("timeZone", InputRule::TimeZone);
    }
    let hours = hours(&mut problems, &input.hours);
    let radius_m = metres(&mut problems, input.delivery_radius_metres);
    let delivery_fee = problems.amount("deliveryFee", input.delivery_fee);
    let minimum = problems.amount("minimumOrder", input.minimum_order);
    let unpaid = unpaid(&mut problems, input.unpaid_limits);
    let context = read_context(ctx, &mut problems, input.idempotency_key, None)?;
    let read = (pizzeria, name, address, place, timezone, hours, radius_m, delivery_fee, minimum);
    let (pizzeria, name, address, place, timezone, hours, radius_m, delivery_fee, minimum) =
        problems.all(read)?;
    let opening = Opening {
        pizzeria: pizzeria.clone(),
        name,
        address,
        place,
        timezone,
        hours,
        radius_m,
        delivery_fee,
        minimum,
        unpaid,
    };
    let command = PizzeriaCommand::Open { opening: Box::new(opening), now: ctx.now()? };
    execute(ctx, ToPizzeria { name: "openPizzeria", pizzeria, command }, context).await
}

fn unpaid(problems: &mut Problems, given: Option<UnpaidLimitsInput>) -> UnpaidChanges {
    let Some(UnpaidLimitsInput { account, unverified, caller }) = given else {
        return UnpaidChanges::default();
    };
    let limits = Path::from("unpaidLimits");
    let mut limit = |name, given: Option<UnpaidLimitInput>| {
        let UnpaidLimitInput { orders, pieces } = given?;
        let at = limits.field(name);
        let orders = problems.quantity(at.field("orders"), orders, 0);
        let pieces = problems.quantity(at.field("pieces"), pieces, 0);
        Some(UnpaidLimit { orders: orders?.0, pieces: pieces?.0 })
    };
    UnpaidChanges {
        account: limit("account", account),
        unverified: limit("unverified", unverified),
        caller: limit("caller", caller),
    }
}

fn metres(problems: &mut Problems, value: i64) -> Option<u32> {
    problems.number("deliveryRadiusMetres", value, 0, i64::from(RADIUS_MAX_M))
}

fn hours(problems: &mut Problems, spans: &[OpeningHoursInput]) -> Option<WeeklyHours> {
    let at = Path::from("hours");
    if !problems.list(at, spans, SPANS_MAX) {
        return None;
    }
    let mut read = Vec::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        let at = at.item(index);
        let mut clock = |name, text| {
            let minute = minute_of_day(text);
            if minute.is_none() {
                problems.add(at.field(name), InputRule::TimeOfDay);
            }
            minute
        };
        let (from, to) = (clock("opens", &span.opens), clock("closes", &span.closes));
        let (Some(from), Some(to)) = (from, to) else { continue };
        let span = OpeningSpan { day: span.day.into(), from, to };
        if WeeklyHours::new(vec![span]).is_err() {
            problems.add(at, InputRule::OpeningHours);
        }
        read.push(span);
    }
    // Problems of the spans were recorded above.
    if read.len() == spans.len() { WeeklyHours::new(read).ok() } else { None }
}

/// Parses a time of day as minutes: `11:30` is 690; at most `24:00`.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| {
        (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let (hour, minute): (u16, u16) = (two(hour)?, two(minute)?);
    let of_day = hour * 60 + minute;
    (minute < 60 && of_day <= 24 * 60).then_some(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_of_day_only() {
        for (text, minute) in [("00:00", 0), ("11:30", 690), ("23:59", 1439), ("24:00", 1440)] {
            assert_eq!(minute_of_day(text), Some(minute));
        }
        for text in ["", "1:30", "11:60", "24:01", "25:00", "11h30", "+1:30", "11:30:00", "99:99"] {
            assert_eq!(minute_of_day(text), None, "{text:?}");
        }
    }
}
