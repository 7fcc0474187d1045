//! Parses a migration as far as the rules need it: statements, and the parts of ALTER TABLE. Unknown SQL is accepted; the
//! test on a database checks it again.

use std::collections::HashSet;

/// Tables that grow with the orders: no statement may read or write one of them as a whole.
const BIG: [&str; 9] = [
    "EVENTS",
    "IDEMPOTENCY_KEYS",
    "CONTACTS",
    "CONTACT_READS",
    "ORDER_DETAILS",
    "DELIVERIES",
    "DAILY_SALES_ORDERS",
    "ACCOUNTS",
    "PAYMENT_INTENTS",
];
/// Volatile functions: a column with such a default rewrites every row.
const VOLATILE: [&str; 6] =
    ["GEN_RANDOM_UUID", "CLOCK_TIMESTAMP", "RANDOM", "NEXTVAL", "TIMEOFDAY", "UUID_GENERATE_V4"];

/// Returns the violations of a file.
pub(super) fn findings(text: &str) -> Vec<String> {
    let contract = text.lines().find_map(|line| line.strip_prefix("-- contract:")).map(str::trim);
    let mut file = File {
        no_transaction: text.starts_with("-- no-transaction"),
        contract: contract.is_some_and(is_release),
        new: HashSet::new(),
        found: Vec::new(),
    };
    if contract.is_some_and(|release| !is_release(release)) {
        file.found
            .push("write -- contract: <release>, the release that stopped using it, as 1.2.3".to_owned());
        file.contract = true;
    }
    let statements = statements(text);
    if file.no_transaction && !statements.iter().flatten().any(|word| word == "CONCURRENTLY") {
        file.refuse("-- no-transaction is for CONCURRENTLY only: half of anything else would stay");
    }
    for words in &statements {
        file.statement(&words.iter().map(String::as_str).collect::<Vec<_>>(), statements.len());
    }
    file.found
}

fn is_release(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok())
}

/// Returns the statements as words in upper case, without comments and quoted text; `(`, `)` and `,` are words.
fn statements(text: &str) -> Vec<Vec<String>> {
    let plain = without_quotes(text).to_uppercase();
    let spaced = plain.replace('(', " ( ").replace(')', " ) ").replace(',', " , ");
    let words = spaced.split(';').map(|one| one.split_whitespace().map(str::to_owned).collect());
    words.filter(|words: &Vec<String>| !words.is_empty()).collect()
}

fn without_quotes(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while !rest.is_empty() {
        // The delimiters of a comment or quoted text.
        let dollar = rest.starts_with('$').then(|| rest[1..].find('$').map(|end| &rest[..end + 2])).flatten();
        let (open, close) = if rest.starts_with("--") {
            (2, "\n")
        } else if rest.starts_with("/*") {
            (2, "*/")
        } else if rest.starts_with('\'') {
            (1, "'")
        } else if let Some(tag) = dollar {
            (tag.len(), tag)
        } else {
            let next = rest.chars().next().map_or(0, char::len_utf8);
            plain.push_str(&rest[..next]);
            rest = &rest[next..];
            continue;
        };
        let inside = &rest[open..];
        rest = inside.find(close).map_or("", |end| &inside[end + close.len()..]);
        plain.push_str(if open == 2 && close != "'" { " " } else { "''" });
    }
    plain
}

/// Returns a table's name without its schema.
fn table(word: &str) -> &str {
    let word = word.rsplit('.').next().unwrap_or(word);
    word.trim_matches('"')
}

/// Returns the words after some optional ones.
fn behind<'a, 'w>(words: &'a [&'w str], optional: &[&str]) -> &'a [&'w str] {
    let skipped = words.iter().take_while(|word| optional.contains(word)).count();
    &words[skipped..]
}

/// Splits a list at commas outside of brackets.
fn parts<'a, 'w>(words: &'a [&'w str]) -> Vec<&'a [&'w str]> {
    let mut depth = 0;
    words
        .split(|word| {
            depth += i32::from(*word == "(") - i32::from(*word == ")");
            *word == "," && depth == 0
        })
        .collect()
}

struct File {
    no_transaction: bool,
    contract: bool,
    /// Tables that the file creates: no program uses them yet.
    new: HashSet<String>,
    found: Vec<String>,
}

impl File {
    fn refuse(&mut self, why: impl Into<String>) {
        self.found.push(why.into());
    }

    fn only_as_contract(&mut self, why: &str) {
        if !self.contract {
            self.refuse(format!(
                "{why}: an older program still uses it; in a later release, with -- contract:"
            ));
        }
    }

    fn is_big(&self, name: &str) -> bool {
        BIG.contains(&name) && !self.new.contains(name)
    }

    fn statement(&mut self, words: &[&str], of: usize) {
        let concurrently = words.contains(&"CONCURRENTLY");
        if concurrently && !self.no_transaction {
            return self.refuse("CONCURRENTLY needs -- no-transaction in the first line");
        }
        if concurrently && of > 1 {
            return self.refuse("a statement with CONCURRENTLY is alone in its file");
        }
        let touches_log = words.iter().any(|word| table(word) == "EVENTS");
        match words {
            ["CREATE", "TABLE", rest @ ..] => {
                let name = behind(rest, &["IF", "NOT", "EXISTS"]).first().map_or("", |name| table(name));
                self.new.insert(name.to_owned());
            }
            ["CREATE", "INDEX", rest @ ..] | ["CREATE", "UNIQUE", "INDEX", rest @ ..] => self.index(rest),
            ["ALTER", "TABLE", rest @ ..] => {
                let rest = behind(rest, &["IF", "EXISTS", "ONLY"]);
                if let [name, actions @ ..] = rest
                    && !self.new.contains(table(name))
                {
                    for action in parts(actions) {
                        self.alter(table(name), action);
                    }
                }
            }
            ["ALTER", "TYPE", ..] => self.only_as_contract("ALTER TYPE"),
            ["DROP", "TRIGGER", ..] if touches_log => self.refuse("the log is only appended to"),
            ["GRANT", ..] if touches_log => {
                self.refuse("the log is only appended to: no privilege is given back")
            }
            ["DROP", "INDEX", ..] => {}
            ["DROP", "TABLE", name, ..] if self.new.contains(table(name)) => {}
            ["DROP", what, ..] => self.only_as_contract(&format!("DROP {what}")),
            ["UPDATE", rest @ ..] | ["DELETE", "FROM", rest @ ..] | ["TRUNCATE", rest @ ..] => {
                let name = behind(rest, &["TABLE", "ONLY"]).first().map_or("", |name| table(name));
                self.rows(name);
            }
            ["WITH", rest @ ..] => {
                for (at, word) in rest.iter().enumerate() {
                    if ["UPDATE", "DELETE"].contains(word) {
                        let name = behind(&rest[at + 1..], &["FROM", "ONLY"]).first();
                        self.rows(name.map_or("", |name| table(name)));
                    }
                }
            }
            ["DO", ..] => self.refuse("DO hides what is done: write the statements"),
            [first @ ("LOCK" | "VACUUM" | "CLUSTER" | "REINDEX" | "BEGIN" | "COMMIT" | "ROLLBACK"), ..] => {
                self.refuse(format!("{first} has no place in a migration"));
            }
            _ => {}
        }
    }

    /// Checks a change of a table's rows.
    fn rows(&mut self, name: &str) {
        if name == "EVENTS" {
            self.refuse("the log is only appended to");
        } else if self.is_big(name) {
            self.refuse(format!(
                "a change of the whole of {name}: let the program do it, a few rows at a time"
            ));
        }
    }

    fn index(&mut self, words: &[&str]) {
        let on = words.iter().position(|word| *word == "ON").unwrap_or(words.len());
        let name =
            behind(&words[(on + 1).min(words.len())..], &["ONLY"]).first().map_or("", |name| table(name));
        if words.first() == Some(&"CONCURRENTLY") {
            if on != 2 {
                self.refuse(
                    "an index made CONCURRENTLY needs a name, and no IF NOT EXISTS: a half-made one exists",
                );
            }
        } else if self.is_big(name) {
            self.refuse(format!("an index on {name} is made CONCURRENTLY: writers would wait for it"));
        }
    }

    /// Checks one action of ALTER TABLE on an existing table.
    fn alter(&mut self, name: &str, action: &[&str]) {
        let has = |word: &str| action.contains(&word);
        let volatile = action.iter().any(|word| VOLATILE.contains(word) || word.ends_with("SERIAL"));
        match action {
            [.., "TRIGGER", _] if name == "EVENTS" => self.refuse("the log is only appended to"),
            ["DROP", ..] => self.only_as_contract("DROP of a part of a table"),
            ["RENAME", ..] => self.only_as_contract("RENAME"),
            ["ALTER", rest @ ..] => match behind(rest, &["COLUMN"]) {
                [_, "TYPE", ..] | [_, "SET", "DATA", ..] => {
                    if self.is_big(name) {
                        self.refuse(format!("another TYPE rewrites {name} while all sessions wait"));
                    } else {
                        self.only_as_contract("another TYPE");
                    }
                }
                [_, "SET", "NOT", ..] => self.only_as_contract("NOT NULL"),
                [_, "DROP", "DEFAULT", ..] => self.only_as_contract("DROP DEFAULT"),
                _ => {}
            },
            ["ADD", "CONSTRAINT" | "CHECK" | "FOREIGN" | "UNIQUE" | "PRIMARY" | "EXCLUDE", ..] => {
                if has("CHECK") || has("FOREIGN") {
                    if !has("VALID") {
                        self.refuse(format!(
                            "a constraint on {name} is added NOT VALID, and validated later"
                        ));
                    }
                } else if !has("USING") {
                    self.refuse(format!(
                        "an index of {name} is made CONCURRENTLY first, then added USING INDEX"
                    ));
                }
            }
            ["ADD", ..] => {
                if volatile || has("STORED") {
                    self.refuse(format!("such a column rewrites {name} while all sessions wait"));
                } else if has("UNIQUE") || has("PRIMARY") {
                    self.refuse(format!("such a column makes an index of {name} while all sessions wait"));
                } else if has("REFERENCES") {
                    self.refuse(
                        "a column that refers to another table: add it, then the constraint NOT VALID",
                    );
                } else if has("NOT") && !has("DEFAULT") && !has("IDENTITY") {
                    self.only_as_contract("NOT NULL without DEFAULT");
                }
            }
            _ => {}
        }
    }
}
