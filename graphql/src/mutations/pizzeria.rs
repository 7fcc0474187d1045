//! Points of sale: opened and changed by the group, paused and resumed by their manager.

use async_graphql::{Context, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::access::{Permission, Scope};
use domain::ids::PizzeriaId;
use domain::pizzeria::{
    Changes, Opening, OpeningSpan, PizzeriaCommand, UnpaidChanges, UnpaidLimit, WeeklyHours,
};
use domain::usecase::ToPizzeria;

use super::allowed::allowed_pizzeria;
use super::run::{Answer, Asked, execute, payloads, reason};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::inputs;
use crate::requires::{requires, roles};
use crate::scalars::Decimal;
use crate::types::enums::Weekday;
use crate::types::pizzeria::Pizzeria;

/// The most spans of a week: three a day.
const SPANS_MAX: usize = 21;

/// One span of a day on which a pizzeria is open, by its own clocks.
#[derive(Debug, InputObject)]
pub struct OpeningHoursInput {
    /// The day.
    pub day: Weekday,
    /// From, `11:30`.
    pub opens: String,
    /// Until, `14:00`; midnight is `24:00`.
    pub closes: String,
}

/// A bound on what one customer may have open and unpaid.
#[derive(Debug, InputObject)]
pub struct UnpaidLimitInput {
    /// Orders that are neither paid nor started, 0 to 10,000.
    pub orders: i64,
    /// Pieces of those orders, 0 to 100,000.
    pub pieces: i64,
}

/// Bounds on what one customer may have open and unpaid; one that is not given stays.
#[derive(Debug, InputObject)]
pub struct UnpaidLimitsInput {
    /// Of an account whose e-mail address is verified.
    pub account: Option<UnpaidLimitInput>,
    /// Of an account whose e-mail address is not verified.
    pub unverified: Option<UnpaidLimitInput>,
    /// Of a caller without an account, by telephone number and by address.
    pub caller: Option<UnpaidLimitInput>,
}

/// A pizzeria to be opened.
#[derive(Debug, InputObject)]
pub struct OpenPizzeriaInput {
    /// Its code, such as `P6`: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its postal address, in one line.
    pub address: String,
    /// Degrees, WGS 84, -90 to 90.
    pub latitude: f64,
    /// Degrees, WGS 84, -180 to 180.
    pub longitude: f64,
    /// Its time zone, by its name in the IANA database.
    #[graphql(default_with = "\"Europe/Paris\".to_owned()")]
    pub time_zone: String,
    /// When it is open.
    pub hours: Vec<OpeningHoursInput>,
    /// How far it delivers, in metres.
    pub delivery_radius_metres: i64,
    /// What a delivery costs.
    pub delivery_fee: Decimal,
    /// The least that is delivered, without the fee.
    pub minimum_order: Decimal,
    /// How much one customer may have open and unpaid; by default 5 orders and 40 pieces, and 2 orders and 12 pieces
    /// of an account that is not verified.
    pub unpaid_limits: Option<UnpaidLimitsInput>,
    /// 1 to 255 characters: the same key with the same input answers the same.
    pub idempotency_key: Option<String>,
}

/// What changes about a pizzeria; what is not given stays.
#[derive(Debug, InputObject)]
pub struct UpdatePizzeriaInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// Its name.
    pub name: Option<String>,
    /// When it is open, on the days that are named; other days stay as they are.
    pub hours: Option<Vec<OpeningHoursInput>>,
    /// The days on which it is closed from now on.
    pub closed_days: Option<Vec<Weekday>>,
    /// How far it delivers, in metres.
    pub delivery_radius_metres: Option<i64>,
    /// What a delivery costs.
    pub delivery_fee: Option<Decimal>,
    /// The least that is delivered, without the fee.
    pub minimum_order: Option<Decimal>,
    /// How much one customer may have open and unpaid; a bound that is not given stays.
    pub unpaid_limits: Option<UnpaidLimitsInput>,
    /// 1 to 255 characters: the same key with the same input answers the same.
    pub idempotency_key: Option<String>,
    /// The version that was seen; another one is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// A pizzeria that takes no orders for now.
#[derive(Debug, InputObject)]
pub struct PausePizzeriaInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// Why, at most 200 characters.
    pub reason: Option<String>,
    /// Until when; until it is resumed, when not said.
    pub until: Option<DateTime<Utc>>,
    /// 1 to 255 characters: the same key with the same input answers the same.
    pub idempotency_key: Option<String>,
    /// The version that was seen; another one is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// A pizzeria that takes orders again.
#[derive(Debug, InputObject)]
pub struct ResumePizzeriaInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// 1 to 255 characters: the same key with the same input answers the same.
    pub idempotency_key: Option<String>,
    /// The version that was seen; another one is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { pizzeria: Pizzeria, Pizzeria::of_outcome;
    /// The pizzeria that opened.
    OpenPizzeriaPayload,
    /// The pizzeria as it is now.
    UpdatePizzeriaPayload,
    /// The pizzeria, paused.
    PausePizzeriaPayload,
    /// The pizzeria, taking orders.
    ResumePizzeriaPayload,
}

/// Points of sale.
#[derive(Debug, Default)]
pub struct PizzeriaMutation;

/// Points of sale.
#[Object]
impl PizzeriaMutation {
    /// Opens a pizzeria.
    #[graphql(directive = requires::apply(roles(Permission::OpenPizzeria)))]
    async fn open_pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and as what.")] input: OpenPizzeriaInput,
    ) -> Result<OpenPizzeriaPayload, ApiError> {
        let pizzeria: PizzeriaId =
            input.code.parse().map_err(|error| ApiError::bad_input(format!("input.code: {error}")))?;
        ctx.caller()?.authorize(Permission::OpenPizzeria, Scope::Pizzeria(&pizzeria))?;
        let timezone: Tz = input
            .time_zone
            .parse()
            .map_err(|_| ApiError::bad_input("input.timeZone: not a zone of the IANA database"))?;
        let opening = Opening {
            pizzeria: pizzeria.clone(),
            name: inputs::text("input.name", &input.name, inputs::NAME_MAX)?,
            address: inputs::text("input.address", &input.address, inputs::NAME_MAX)?,
            place: inputs::place("input", input.latitude, input.longitude)?,
            timezone,
            hours: hours(&input.hours)?,
            radius_m: metres(input.delivery_radius_metres)?,
            delivery_fee: inputs::amount("input.deliveryFee", input.delivery_fee)?,
            minimum: inputs::amount("input.minimumOrder", input.minimum_order)?,
            unpaid: unpaid(input.unpaid_limits)?,
        };
        let command = PizzeriaCommand::Open { opening: Box::new(opening), now: ctx.now()? };
        let asked = Asked { idempotency_key: input.idempotency_key, ..Asked::default() };
        Ok(to_pizzeria(ctx, "openPizzeria", pizzeria, command, asked).await?.into())
    }

    /// Changes a pizzeria's name, hours, delivery area, fee, minimum or bounds on what is unpaid.
    #[graphql(directive = requires::apply(roles(Permission::UpdatePizzeria)))]
    async fn update_pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what changes.")] input: UpdatePizzeriaInput,
    ) -> Result<UpdatePizzeriaPayload, ApiError> {
        let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id, Permission::UpdatePizzeria)?;
        let amount =
            |field, given: Option<Decimal>| given.map(|value| inputs::amount(field, value)).transpose();
        let name = input.name.as_deref();
        let changes = Changes {
            name: name.map(|name| inputs::text("input.name", name, inputs::NAME_MAX)).transpose()?,
            hours: None,
            radius_m: input.delivery_radius_metres.map(metres).transpose()?,
            delivery_fee: amount("input.deliveryFee", input.delivery_fee)?,
            minimum: amount("input.minimumOrder", input.minimum_order)?,
            unpaid: unpaid(input.unpaid_limits)?,
        };
        let days = hours(input.hours.as_deref().unwrap_or_default())?;
        let closed: Vec<_> = input.closed_days.iter().flatten().map(|day| (*day).into()).collect();
        if days.spans().iter().any(|span| closed.contains(&span.day)) {
            let message = "input.closedDays: a day that `hours` names as well";
            return Err(ApiError::bad_input(message));
        }
        let command = PizzeriaCommand::Update { changes, days, closed, now: ctx.now()? };
        let asked = Asked {
            idempotency_key: input.idempotency_key,
            expected_version: input.expected_version,
            contact: None,
        };
        Ok(to_pizzeria(ctx, "updatePizzeria", pizzeria, command, asked).await?.into())
    }

    /// Takes no orders for now. A pause that is running gets another end or reason; a reason that is not given
    /// stays.
    #[graphql(directive = requires::apply(roles(Permission::PausePizzeria)))]
    async fn pause_pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, why, and until when.")] input: PausePizzeriaInput,
    ) -> Result<PausePizzeriaPayload, ApiError> {
        let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id, Permission::PausePizzeria)?;
        let reason = reason("input.reason", input.reason.as_deref())?;
        let command = PizzeriaCommand::Pause { reason, until: input.until, now: ctx.now()? };
        let asked = Asked {
            idempotency_key: input.idempotency_key,
            expected_version: input.expected_version,
            contact: None,
        };
        Ok(to_pizzeria(ctx, "pausePizzeria", pizzeria, command, asked).await?.into())
    }

    /// Takes orders again.
    #[graphql(directive = requires::apply(roles(Permission::PausePizzeria)))]
    async fn resume_pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ResumePizzeriaInput,
    ) -> Result<ResumePizzeriaPayload, ApiError> {
        let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id, Permission::PausePizzeria)?;
        let command = PizzeriaCommand::Resume { now: ctx.now()? };
        let asked = Asked {
            idempotency_key: input.idempotency_key,
            expected_version: input.expected_version,
            contact: None,
        };
        Ok(to_pizzeria(ctx, "resumePizzeria", pizzeria, command, asked).await?.into())
    }
}

async fn to_pizzeria(
    ctx: &Context<'_>,
    name: &'static str,
    pizzeria: PizzeriaId,
    command: PizzeriaCommand,
    asked: Asked,
) -> Result<Answer, ApiError> {
    execute(ctx, ToPizzeria { name, pizzeria, command }, asked).await
}

fn unpaid(given: Option<UnpaidLimitsInput>) -> Result<UnpaidChanges, ApiError> {
    let Some(UnpaidLimitsInput { account, unverified, caller }) = given else {
        return Ok(UnpaidChanges::default());
    };
    let limit = |name: &str, given: Option<UnpaidLimitInput>| {
        given
            .map(|UnpaidLimitInput { orders, pieces }| {
                let number = |part: &str, value| {
                    Ok::<_, ApiError>(
                        inputs::quantity(&format!("input.unpaidLimits.{name}.{part}"), value, 0)?.0,
                    )
                };
                Ok::<_, ApiError>(UnpaidLimit {
                    orders: number("orders", orders)?,
                    pieces: number("pieces", pieces)?,
                })
            })
            .transpose()
    };
    Ok(UnpaidChanges {
        account: limit("account", account)?,
        unverified: limit("unverified", unverified)?,
        caller: limit("caller", caller)?,
    })
}

fn metres(value: i64) -> Result<u32, ApiError> {
    Ok(inputs::quantity("input.deliveryRadiusMetres", value, 0)?.0)
}

fn hours(spans: &[OpeningHoursInput]) -> Result<WeeklyHours, ApiError> {
    if spans.len() > SPANS_MAX {
        return Err(ApiError::bad_input(format!("input.hours: at most {SPANS_MAX}")));
    }
    let span = |(at, span): (usize, &OpeningHoursInput)| {
        let clock = |name, text| {
            let wrong = || ApiError::bad_input(format!("input.hours[{at}].{name}: a time such as 11:30"));
            minute_of_day(text).ok_or_else(wrong)
        };
        Ok(OpeningSpan {
            day: span.day.into(),
            from: clock("opens", &span.opens)?,
            to: clock("closes", &span.closes)?,
        })
    };
    let spans = spans.iter().enumerate().map(span).collect::<Result<_, ApiError>>()?;
    WeeklyHours::new(spans).map_err(|error| ApiError::bad_input(format!("input.hours: {error}")))
}

/// `11:30` is 690; at most `24:00`.
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
    fn times_of_day_are_read_and_nothing_else() {
        for (text, minute) in [("00:00", 0), ("11:30", 690), ("23:59", 1439), ("24:00", 1440)] {
            assert_eq!(minute_of_day(text), Some(minute));
        }
        for text in ["", "1:30", "11:60", "24:01", "25:00", "11h30", "+1:30", "11:30:00", "99:99"] {
            assert_eq!(minute_of_day(text), None, "{text:?}");
        }
    }
}
