//! The threat model in `docs/security.md`: each test that it names exists, and each OWASP risk has one.

use std::path::Path;

const MODEL: &str = include_str!("../../../docs/security.md");

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_threat_model_names_existing_tests_and_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut tests = 0;
    for quoted in quoted(MODEL) {
        if let Some((file, name)) = quoted.split_once(".rs::") {
            let text = std::fs::read_to_string(root.join(format!("tests/it/{file}.rs"))).unwrap_or_default();
            assert!(text.contains(&format!("fn {name}()")), "{quoted} is not there");
            tests += 1;
        } else if quoted.contains('/') && !quoted.starts_with('/') {
            assert!(root.join(quoted).exists(), "{quoted} is not there");
        }
    }
    assert!(tests >= 30, "{tests}");
}

#[test]
fn each_owasp_risk_has_a_row_with_a_test() {
    for number in 1..=10 {
        let row = MODEL.lines().find(|line| line.starts_with(&format!("| API{number} ")));
        assert!(row.is_some_and(|row| row.contains(".rs::")), "API{number}");
    }
}
