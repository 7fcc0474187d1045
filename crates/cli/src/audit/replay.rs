//! `audit replay`: replays recorded demand under another policy. Writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Europe::Paris;
use clap::ValueEnum;
use domain::ids::PizzeriaId;
use domain::what_if::{Figures, Policy, Row};
use projections::what_if::{Period, ReplayResult, replay};
use serde_json::{Value, json};

use crate::bar;
use crate::database::{self, DataDir};
use crate::logs;
use crate::report::{print, say};

/// The hour at which a business day begins, by the clocks of Paris (docs/readings.md, Sales).
const DAY_BEGINS: u32 = 4;

/// Replay a period's recorded demand under another policy, and print both results; writes nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager audit replay --from 2026-11-20 --to 2026-11-21 \
                        --policy docs/audit/policy.toml")]
pub(crate) struct Args {
    /// First instant: RFC 3339, or a day, which begins at 04:00 in Paris
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    from: DateTime<Utc>,
    /// End of the period, which does not belong to it: RFC 3339, or a day
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    to: DateTime<Utc>,
    /// The policy as TOML; docs/audit.md describes it
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Only this pizzeria
    #[arg(long, value_name = "CODE")]
    pizzeria: Option<PizzeriaId>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    data_dir: DataDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for each pizzeria, and their sum
    Text,
    /// One JSON document; money in cents, quantities in the ingredient's unit
    Json,
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let day: NaiveDate = text.parse().map_err(|_| {
        "it must be an instant such as 2026-11-20T18:00:00Z or a day such as 2026-11-20".to_owned()
    })?;
    let begins = NaiveTime::from_hms_opt(DAY_BEGINS, 0, 0).unwrap_or_default();
    let local = Paris.from_local_datetime(&day.and_time(begins)).earliest();
    local.map(|at| at.to_utc()).ok_or_else(|| "it must be a day that has an 04:00 in Paris".to_owned())
}

fn policy(path: &Path) -> anyhow::Result<Policy> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        // The library's own message is several lines of its internals.
        let at = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        let given = text.lines().nth(line).unwrap_or_default();
        anyhow!(
            "line {} of {} must be a rule that docs/audit.md describes (docs/audit/policy.toml is an example), not {given:?}",
            line + 1,
            path.display()
        )
    })
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    if args.to <= args.from {
        bail!("--to must be later than --from");
    }
    let policy = policy(&args.policy)?;
    let settings = logs::start_command()?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 1).await?;
    let period = Period { from: args.from, to: args.to, pizzeria: args.pizzeria };
    let bar = bar::of_events();
    let replayed = replay(&pool, &period, policy, &mut |read, of| {
        bar.set_length(of.unsigned_abs());
        bar.set_position(read.unsigned_abs());
    })
    .await?;
    bar.finish_and_clear();
    match args.format {
        Format::Text => print_text(&period, &replayed),
        Format::Json => say(as_json(&period, &replayed)),
    }
    Ok(())
}

fn sum<'a>(rows: impl Iterator<Item = &'a Row>) -> Row {
    let mut all = Row::default();
    for row in rows {
        all.recorded.add(&row.recorded);
        all.unchanged.add(&row.unchanged);
        all.changed.add(&row.changed);
    }
    all
}

fn print_text(period: &Period, replayed: &ReplayResult) {
    say(format_args!(
        "{} to {}: events {} to {} of the log",
        period.from,
        period.to,
        replayed.after.0 + 1,
        replayed.up_to
    ));
    for (pizzeria, row) in &replayed.rows {
        print(table(pizzeria.as_str(), row));
    }
    if replayed.rows.len() > 1 {
        print(table("all", &sum(replayed.rows.values())));
    }
}

/// One pizzeria's figures side by side; rows in which nothing is anywhere are left out.
fn table(name: &str, row: &Row) -> String {
    let mut text = format!("\n{name:<28} {:>14} {:>14} {:>14}\n", "recorded", "unchanged", "with policy");
    let all = [&row.recorded, &row.unchanged, &row.changed];
    let mut add = |label: &str, cells: [String; 3]| {
        if cells.iter().any(|cell| cell != "0" && cell != "0.00") {
            let [recorded, unchanged, changed] = cells;
            text += &format!("{label:<28} {recorded:>14} {unchanged:>14} {changed:>14}\n");
        }
    };
    let cells = |of: &dyn Fn(&Figures) -> String| all.map(of);
    add("orders accepted", cells(&|figures| figures.orders.to_string()));
    add("refused for want of stock", cells(&|figures| figures.refused.to_string()));
    add("below the minimum", cells(&|figures| figures.below_minimum.to_string()));
    add("changes refused", cells(&|figures| figures.changes_refused.to_string()));
    add("sold", cells(&|figures| figures.sold.to_string()));
    add("takings, EUR", cells(&|figures| figures.takings.to_string()));
    let rates = all.iter().flat_map(|figures| figures.takings_by_rate.keys().copied());
    for rate in rates.collect::<std::collections::BTreeSet<_>>() {
        let label = format!("  at {}.{:02} % VAT", rate.0 / 100, rate.0 % 100);
        let of = |figures: &Figures| figures.takings_by_rate.get(&rate).copied().unwrap_or_default();
        add(&label, cells(&|figures| of(figures).to_string()));
    }
    add("late", cells(&|figures| figures.late.to_string()));
    add("late, minutes together", cells(&|figures| (figures.late_seconds / 60).to_string()));
    add("of unknown time", cells(&|figures| figures.untimed.to_string()));
    add("most in preparation", cells(&|figures| figures.kitchen_most.to_string()));
    add("stock became low", cells(&|figures| figures.low.to_string()));
    add("restocked", cells(&|figures| figures.restocked.to_string()));
    add("transfers refused", cells(&|figures| figures.transfers_refused.to_string()));
    let wasted = all.iter().flat_map(|figures| figures.waste.iter().map(|(code, _)| code.clone()));
    for code in wasted.collect::<std::collections::BTreeSet<_>>() {
        add(&format!("wasted {code}"), cells(&|figures| figures.waste.get(&code).to_string()));
    }
    text
}

fn as_json(period: &Period, replayed: &ReplayResult) -> Value {
    let row = |row: &Row| {
        json!({
            "recorded": figures(&row.recorded),
            "unchanged": figures(&row.unchanged),
            "changed": figures(&row.changed),
        })
    };
    let pizzerias: BTreeMap<_, _> =
        replayed.rows.iter().map(|(id, one)| (id.to_string(), row(one))).collect();
    json!({
        "from": period.from,
        "to": period.to,
        "afterPosition": replayed.after.0,
        "upToPosition": replayed.up_to.0,
        "pizzerias": pizzerias,
        "all": row(&sum(replayed.rows.values())),
    })
}

fn figures(figures: &Figures) -> Value {
    let rates: BTreeMap<_, _> =
        figures.takings_by_rate.iter().map(|(rate, cents)| (rate.0.to_string(), cents.0)).collect();
    json!({
        "orders": figures.orders,
        "refused": figures.refused,
        "belowMinimum": figures.below_minimum,
        "changesRefused": figures.changes_refused,
        "sold": figures.sold,
        "takingsCents": figures.takings.0,
        "takingsCentsByVatRate": rates,
        "waste": figures.waste,
        "late": figures.late,
        "lateSeconds": figures.late_seconds,
        "untimed": figures.untimed,
        "mostInPreparation": figures.kitchen_most,
        "becameLow": figures.low,
        "restocked": figures.restocked,
        "transfersRefused": figures.transfers_refused,
    })
}
