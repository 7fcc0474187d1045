//! Tells the program which revision it was built from. Needs no git: without it the revision is `unknown`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_VERSION");
    println!("cargo::rerun-if-changed=../../.git/logs/HEAD");
    // New files are embedded, too.
    println!("cargo::rerun-if-changed=operations");
    println!("cargo::rerun-if-changed=assets");
    let git = || {
        let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
        let revision = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| revision.trim().to_owned())
    };
    // Heroku's builders name the revision in SOURCE_VERSION, and give no repository.
    let revision = std::env::var("SOURCE_VERSION").ok().or_else(git).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=OCPIZZA_REVISION={revision}");
}
