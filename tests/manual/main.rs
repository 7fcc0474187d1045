//! Plays the operations manual: runs the commands of `docs/operations.md` on an empty PostgreSQL with the
//! Procfile, while customers order, and compares their output with the documented one.

#![allow(clippy::print_stderr)] // says how far it has come

mod document;
mod honcho;
mod load;
mod scene;
mod shell;

use std::path::{Path, PathBuf};

use document::{Section, Step, difference, matches, parse};
use scene::Scene;

/// Headings of the client's manual ("dossier d'exploitation"), by number.
const HEADINGS: [&str; 12] =
    ["3", "3.1.1", "3.1.2", "4", "4.1.1", "4.1.2", "4.1.3", "4.1.4", "4.1.5", "5", "6", "6.1"];
const MORE_HEADINGS: [&str; 3] = ["6.2", "7", "8"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manual(name: &str) -> Vec<Section> {
    let path = root().join("docs").join(name);
    parse(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

#[test]
fn the_manual_has_the_sections_of_the_client() {
    let sections = manual("operations.md");
    let numbers: Vec<&str> = sections.iter().map(|section| section.number.as_str()).collect();
    let missing: Vec<_> =
        HEADINGS.iter().chain(&MORE_HEADINGS).filter(|number| !numbers.contains(number)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_french_manual_has_the_same_commands() {
    assert_eq!(difference(&manual("operations.md"), &manual("exploitation.md")), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn plays_the_manual() {
    let honcho = match honcho::folder().await {
        Ok(folder) => folder,
        // Without the Procfile runner it is skipped, unless it is required.
        Err(reason) if std::env::var("OCPIZZA_REAL_CLIENTS").is_ok_and(|value| value == "required") => {
            panic!("{reason}")
        }
        Err(reason) => return eprintln!("The manual is NOT PLAYED: {reason}"),
    };
    let mut scene = Scene::set(&root(), &honcho).await;
    for Section { number, steps } in manual("operations.md") {
        for step in steps {
            match step {
                Step::Played(name) => {
                    eprintln!("{number}: {name}");
                    scene.play(&name).await;
                }
                Step::Command { line, command, prints } => {
                    eprintln!("{number}: $ {command}");
                    let done = scene.shell.run(&command).await;
                    let done = done.unwrap_or_else(|error| panic!("line {line}: `{command}`: {error}"));
                    let printed: Vec<&str> = done.lines.iter().map(String::as_str).collect();
                    let told = printed.join("\n");
                    assert_eq!(done.code, 0, "line {line}: `{command}` printed:\n{told}\n{}", scene.logs());
                    assert!(matches(&prints, &printed), "line {line}: `{command}` printed:\n{told}");
                }
            }
        }
    }
    scene.end().await;
}
