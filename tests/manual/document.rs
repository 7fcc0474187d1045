//! The operations manual as a script: the `console` blocks of its sections and the expected output of each
//! command.
//!
//! In a block, `$ ` starts a command and `> ` continues it; the lines below are its output, in which `…` matches
//! any text within a line, and alone any lines. A comment `<!-- played: NAME -->` is an action of the test at this
//! place.

/// A section with the number of the client's manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `4.1.2`.
    pub number: String,
    /// Steps in order.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A command with its expected output and its place.
    Command {
        /// Line of the document, from 1.
        line: usize,
        /// Input of the shell.
        command: String,
        /// Expected lines of output.
        prints: Vec<String>,
    },
    /// An action of the test.
    Played(String),
}

impl Step {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Command { command, prints, .. },
                Self::Command { command: others, prints: other_prints, .. },
            ) => command == others && prints == other_prints,
            (Self::Played(name), Self::Played(other)) => name == other,
            (Self::Command { .. }, Self::Played(_)) | (Self::Played(_), Self::Command { .. }) => false,
        }
    }
}

/// Compares the commands of two translations; returns the first difference.
pub fn difference(left: &[Section], right: &[Section]) -> Option<String> {
    let number = |sections: &[Section], at: usize| sections.get(at).map(|section| section.number.clone());
    for at in 0..left.len().max(right.len()) {
        let (ours, others) = (number(left, at), number(right, at));
        if ours != others {
            return Some(format!("section {ours:?} beside {others:?}"));
        }
        let (ours, others) = (&left[at].steps, &right[at].steps);
        let differs = |step: &usize| match (ours.get(*step), others.get(*step)) {
            (Some(one), Some(other)) => !one.is_same(other),
            _ => true,
        };
        if let Some(step) = (0..ours.len().max(others.len())).find(differs) {
            let number = &left[at].number;
            return Some(format!("section {number}: {:?} beside {:?}", ours.get(step), others.get(step)));
        }
    }
    None
}

/// Reads a manual: its numbered sections and their steps.
pub fn parse(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut block = false;
    let mut other_block = false;
    for (at, line) in text.lines().enumerate() {
        if block {
            if line == "```" {
                block = false;
            } else if let Some(section) = sections.last_mut() {
                section.add(at + 1, line);
            }
        } else if other_block {
            other_block = line != "```";
        } else if line == "```console" {
            block = true;
        } else if line.starts_with("```") {
            other_block = true;
        } else if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim();
            let number = heading.split_whitespace().next().unwrap_or_default();
            if number.starts_with(|first: char| first.is_ascii_digit()) {
                sections.push(Section { number: number.to_owned(), steps: Vec::new() });
            }
        } else if let Some(name) = line.strip_prefix("<!-- played: ") {
            let name = name.trim_end_matches("-->").trim().to_owned();
            if let Some(section) = sections.last_mut() {
                section.steps.push(Step::Played(name));
            }
        }
    }
    sections
}

impl Section {
    fn add(&mut self, line: usize, text: &str) {
        if let Some(command) = text.strip_prefix("$ ") {
            let command = command.to_owned();
            self.steps.push(Step::Command { line, command, prints: Vec::new() });
            return;
        }
        let Some(Step::Command { command, prints, .. }) = self.steps.last_mut() else {
            panic!("line {line}: a block begins with `$ `");
        };
        match text.strip_prefix("> ") {
            Some(more) if prints.is_empty() => {
                command.push('\n');
                command.push_str(more);
            }
            _ => prints.push(text.to_owned()),
        }
    }
}

/// Whether lines match the expected ones.
pub fn matches(prints: &[String], printed: &[&str]) -> bool {
    match prints.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((first, rest)) => match printed.split_first() {
            Some((line, others)) => line_matches(first, line) && matches(rest, others),
            None => false,
        },
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let line = line.trim_end();
    match pattern.split_once('…') {
        None => pattern.trim_end() == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.into_iter().any(|at| line_matches(rest, &line[at..]))
        }),
    }
}

#[test]
fn reads_a_manual() {
    let text = "# Title\n## 4 Deploy\n### 4.1.2 Variables\n```sh\n$ not played\n```\n<!-- played: load begins -->\n\
                ```console\n$ echo a \\\n> b\na b\n$ true\n```\n";
    let step = |line, command: &str, prints: &[&str]| Step::Command {
        line,
        command: command.to_owned(),
        prints: prints.iter().map(|&line| line.to_owned()).collect(),
    };
    let variables = Section {
        number: "4.1.2".to_owned(),
        steps: vec![
            Step::Played("load begins".to_owned()),
            step(9, "echo a \\\nb", &["a b"]),
            step(12, "true", &[]),
        ],
    };
    let deploy = Section { number: "4".to_owned(), steps: Vec::new() };
    assert_eq!(parse(text), [deploy, variables]);
}

#[test]
fn compares_lines_with_the_expected_output() {
    let is = |prints: &[&str], printed: &[&str]| {
        let prints: Vec<String> = prints.iter().map(|&line| line.to_owned()).collect();
        matches(&prints, printed)
    };
    assert!(is(
        &["applied 0001 …", "…", "up to date: … migrations"],
        &["applied 0001 event log", "x", "y", "up to date: 12 migrations"]
    ));
    assert!(is(&["…"], &[]));
    assert!(!is(&[], &["more"]));
    assert!(!is(&["Deployed"], &[]));
    assert!(!is(&["up to date: … migrations"], &["up to date: 12 migrations, 1 of them new"]));
}
