//! Processes and databases in operation: several at once, replaced, backed up, monitored.

mod backup;
mod database_tls;
pub mod load;
mod maintenance;
mod migrations;
mod outage;
mod previous_release;
mod processes;
mod production;
mod rolling_restart;
mod supervision;
mod traces;
