//! Checks that a deployment is alive, ready, current and closed where production requires it.

use std::time::Instant;

use chrono::{DateTime, Utc};
use identity::clock::Clock;
use reqwest::Response;
use serde_json::{Value, json};

use super::{Report, Target};
use crate::stand_ins::StandInState;

/// Maximum difference between the clocks, on which sessions and promises depend.
const MAX_SKEW_SECONDS: i64 = 5;

/// Runs every check; stops early only if nothing answers. With `production`, what is open to developers is a failure.
pub async fn check(target: &Target, clock: Clock, production: bool) -> Report {
    let mut report = Report::default();
    let begun = Instant::now();
    let alive = target.get("healthz").await;
    let (reached, skew) = match alive {
        Ok(answer) => {
            let skew = clock_of(&answer, clock.now());
            (healthy(answer).await, skew)
        }
        Err(cause) => (Err(format!("no answer: {cause}")), Err("not known".to_owned())),
    };
    let answers = reached.is_ok();
    report.note("healthz", begun, reached);
    if !answers {
        return report;
    }
    let encrypted =
        if target.is_encrypted() { "https, the certificate holds" } else { "http, not encrypted" };
    report.note("tls", Instant::now(), Ok(encrypted.to_owned()));
    let begun = Instant::now();
    report.note("version", begun, version(target).await);
    let begun = Instant::now();
    let stand_ins = match target.get("readyz").await {
        Ok(answer) => ready(&mut report, begun, answer).await,
        Err(cause) => {
            report.note("readyz", begun, Err(cause));
            Vec::new()
        }
    };
    let begun = Instant::now();
    report.note("graphql", begun, graphql(target).await);
    let begun = Instant::now();
    let acknowledged = target.socket().await.map(|_| "connection_init is acknowledged".to_owned());
    report.note("websocket", begun, acknowledged);
    let begun = Instant::now();
    report.note("security headers", begun, headers(target).await);
    let begun = Instant::now();
    report.note("introspection", begun, closed(introspection(target).await, production));
    let begun = Instant::now();
    report.note("graphiql", begun, closed(is_found(target, "graphiql").await, production));
    let begun = Instant::now();
    report.note("metrics", begun, closed(is_found(target, "metrics").await, production));
    report.note("clock", Instant::now(), skew);
    for entry in &stand_ins {
        stand_in(&mut report, Instant::now(), entry, production);
    }
    report
}

async fn healthy(answer: Response) -> Result<String, String> {
    let status = answer.status();
    match answer.text().await {
        Ok(text) if status == 200 && text.trim() == "ok" => Ok("ok".to_owned()),
        _ if status == 200 => Err("something else answers at this address".to_owned()),
        _ => Err(format!("status {status}")),
    }
}

fn clock_of(answer: &Response, now: DateTime<Utc>) -> Result<String, String> {
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).ok_or("it says no time")?;
    let skew = now.signed_duration_since(date).num_seconds();
    let found = format!("{skew} s from this one");
    if skew.abs() <= MAX_SKEW_SECONDS { Ok(found) } else { Err(found) }
}

async fn version(target: &Target) -> Result<String, String> {
    let answer = target.get("version").await?;
    let said: Value = answer.json().await.map_err(|_| "no JSON".to_owned())?;
    let of = |name: &str| said[name].as_str().ok_or(format!("no {name}"));
    Ok(format!("{}, revision {}, schema {}", of("version")?, of("revision")?, of("schemaVersion")?))
}

/// Notes the result of `/readyz`; returns its stand-ins.
async fn ready(report: &mut Report, begun: Instant, answer: Response) -> Vec<Value> {
    let status = answer.status();
    let Ok(said) = answer.json::<Value>().await else {
        report.note("readyz", begun, Err(format!("status {status}, and no JSON")));
        return Vec::new();
    };
    let is = |name: &str| said[name] == true;
    let holds = |name: &str, good: &str, bad: &str| {
        if is(name) { Ok(good.to_owned()) } else { Err(bad.to_owned()) }
    };
    report.note("database", begun, holds("database", "answers", "does not answer"));
    report.note(
        "migrations",
        begun,
        holds("migrations", "all applied", "some are missing: run ocpizza-manager migrate"),
    );
    for model in said["readModels"].as_array().into_iter().flatten() {
        let name = model["name"].as_str().unwrap_or("?");
        let name = match name.strip_prefix("reactor:") {
            Some(reactor) => format!("reactor {reactor}"),
            None => format!("read model {name}"),
        };
        let lag = format!("at {}, {} behind", model["position"].as_str().unwrap_or("?"), model["lag"]);
        let found = match model["stoppedAt"].as_str() {
            Some(position) => Err(format!("stopped at event {position}")),
            None if model["ok"] == true => Ok(lag),
            None => Err(lag),
        };
        report.note(&name, begun, found);
    }
    sealing(report, begun, &said["sealing"]);
    let ready = if is("ready") && status == 200 {
        Ok("ready".to_owned())
    } else if is("stopping") {
        Err("the process is about to end".to_owned())
    } else {
        Err(format!("not ready, status {status}"))
    };
    report.note("readyz", begun, ready);
    said["standIns"].as_array().cloned().unwrap_or_default()
}

/// Notes a stand-in. In production, a stand-in of development is a failure; an absence is a warning or a failure.
fn stand_in(report: &mut Report, begun: Instant, entry: &Value, production: bool) {
    let text = |name: &str| entry[name].as_str().unwrap_or("?").to_owned();
    let (name, detail) = (text("name"), text("detail"));
    let state = StandInState::ALL.into_iter().find(|state| state.as_str() == entry["state"]);
    let found = match state {
        Some(StandInState::Configured) => Ok("configured".to_owned()),
        Some(StandInState::Closed) => Ok(format!("closed: {detail}")),
        Some(StandInState::StandIn) if !production => Ok(format!("as in development: {detail}")),
        Some(StandInState::Warning) => return report.warn(&name, begun, &detail),
        Some(StandInState::Missing) if !production => return report.warn(&name, begun, &detail),
        Some(StandInState::StandIn | StandInState::Missing) | None => Err(detail),
    };
    report.note(&name, begun, found);
}

/// Notes whether the log is sealed.
fn sealing(report: &mut Report, begun: Instant, sealing: &Value) {
    let found = match (sealing["ok"].as_bool(), sealing["stopped"].as_str()) {
        (Some(true), _) => {
            Ok(format!("at {}, {} behind", sealing["position"].as_str().unwrap_or("?"), sealing["lag"]))
        }
        (_, Some(code)) => Err(format!("stopped ({code}): run ocpizza-manager audit verify")),
        (_, None) => Err("not known".to_owned()),
    };
    report.note("sealing", begun, found);
}

async fn graphql(target: &Target) -> Result<String, String> {
    match target.graphql("query DeploymentCheck { __typename }", json!({})).await {
        Ok(data) if data["__typename"] == "Query" => Ok("answers".to_owned()),
        Ok(_) => Err("something else answers".to_owned()),
        // Only trusted documents are executed, by a setting.
        Err(refused) if refused.code.as_deref() == Some("FORBIDDEN") => {
            Ok("answers, trusted documents only".to_owned())
        }
        Err(refused) => Err(refused.into()),
    }
}

async fn headers(target: &Target) -> Result<String, String> {
    let answer = target.get("version").await?;
    let has = |name: &str, value: &str| answer.headers().get(name).is_some_and(|found| found == value);
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
        if !has(name, value) {
            return Err(format!("{name} is not {value}"));
        }
    }
    if !answer.headers().contains_key("x-request-id") {
        return Err("x-request-id is missing".to_owned());
    }
    Ok("nosniff, no-referrer, x-request-id".to_owned())
}

async fn introspection(target: &Target) -> Result<bool, String> {
    match target.graphql("query DeploymentCheck { __schema { queryType { name } } }", json!({})).await {
        Ok(data) => Ok(data["__schema"].is_object()),
        Err(refused) if refused.code.is_some() => Ok(false),
        Err(refused) => Err(refused.into()),
    }
}

async fn is_found(target: &Target, path: &str) -> Result<bool, String> {
    Ok(target.get(path).await?.status().is_success())
}

fn closed(open: Result<bool, String>, production: bool) -> Result<String, String> {
    match (open?, production) {
        (false, _) => Ok("closed".to_owned()),
        (true, false) => Ok("open, as in development".to_owned()),
        (true, true) => Err("open to every caller".to_owned()),
    }
}
