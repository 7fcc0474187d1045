//! Settings and arguments that cannot be used, through the binary.

use super::*;

#[test]
fn errors_of_settings_name_the_input_the_rule_and_the_value() {
    for (name, value, rule) in [
        ("PORT", "99999", "from 1 to 65535"),
        ("PORT", "eighty", "from 1 to 65535"),
        ("OCPIZZA_MANAGER_DATABASE_CONNECTIONS", "many", "from 1 to 10000"),
        ("ENV", "STAGING", "DEVELOPMENT or PRODUCTION"),
        ("OCPIZZA_MANAGER_PROCESSES", "-1", "from 1 to 1000"),
        ("OCPIZZA_MANAGER_IDEMPOTENCY_HOURS", "23", "from 24 to 8760"),
        ("OCPIZZA_MANAGER_SIGN_IN_PER_ACCOUNT", "0", "from 1 to 1000000"),
        ("OCPIZZA_MANAGER_GRAPHIQL", "maybe", "true or false"),
        ("OCPIZZA_MANAGER_TRUSTED_DOCUMENTS_MODE", "none", "allow or only"),
        ("OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL", "tomorrow", "a time such as 2026-12-24T12:00:00Z"),
        ("OCPIZZA_MANAGER_TRUSTED_PROXIES", "10.0.0.0/33", "networks in CIDR notation such as 10.0.0.0/8"),
        ("OCPIZZA_MANAGER_INTROSPECTION", "CHEF", "EVERYBODY, NOBODY, or roles such as DIRECTOR"),
        (
            "OCPIZZA_MANAGER_RATE_PER_ADDRESS",
            "fast",
            "OFF, or requests per second and per burst such as 50/500",
        ),
        ("OCPIZZA_MANAGER_ALLOWED_ORIGINS", "shop.example", "origins such as https://shop.example"),
        (
            "OCPIZZA_MANAGER_SIGNING_KEYS_RETIRED",
            "a+b+c",
            "public keys as `ocpizza-manager audit key` prints them",
        ),
        ("OCPIZZA_MANAGER_SIGNING_KEY", "c2hvcnQ=", "32 bytes in base64 (openssl rand -base64 32)"),
    ] {
        let line = the_one_line(&program(&["serve"]).env(name, value).output().unwrap());
        let is_secret = name == "OCPIZZA_MANAGER_SIGNING_KEY";
        assert!(line.starts_with(&format!("ocpizza-manager: {name} must be {rule}")), "{line}");
        assert_eq!(line.ends_with(&format!(", not {value:?}\n")), !is_secret, "{line}");
        assert_eq!(line.contains(value), !is_secret, "{line}");
    }
}

#[test]
fn errors_of_arguments_state_the_rule_in_words_of_this_program() {
    let dir = empty_dir("policy");
    let policy = format!("{dir}/policy.toml");
    std::fs::write(&policy, "\nno_such_rule = 1\n").unwrap();
    let replay = format!("audit replay --from 2026-11-20 --to 2026-11-21 --policy {policy}");
    for (arguments, rule) in [
        ("demo --simulate --speed fast", "it must be a number from 1 to 100"),
        ("demo --simulate --speed 101", "it must be a number from 1 to 100"),
        ("demo --simulate --seed x", "it must be a number from 0 to 18446744073709551615"),
        ("serve --listen here", "it must be an IPv4 or IPv6 address such as 127.0.0.1"),
        ("migrate --wait long", "it must be a number from 0.001 to 86400"),
        ("migrate --tries 0", "it must be a number from 1 to 4294967295"),
        ("check http://a.example --wait 9999", "it must be a number from 0 to 3600"),
        ("check localhost", "URL must be an address such as https://pizza.example, not \"localhost\""),
        ("simulate --events many", "it must be a number from 0 to 18446744073709551615"),
        ("simulate --events 1000 --from May", "it must be a day such as 2026-11-24"),
        (
            "maintenance on --until soon",
            "it must be a time such as 2026-11-24T22:30:00Z or a duration such as 30m",
        ),
        ("audit replay --from soon", "it must be an instant such as 2026-11-20T18:00:00Z or a day such as"),
        (
            &replay,
            "must be a rule that docs/audit.md describes (docs/audit/policy.toml is an example), not \"no_such_rule",
        ),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let stderr = String::from_utf8(run(&arguments).stderr).unwrap();
        assert!(stderr.contains(rule), "{arguments:?}: {stderr}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_broken_line_of_the_settings_file_is_not_printed() {
    let dir = empty_dir("secret-line");
    let file = format!("{dir}/settings.toml");
    std::fs::write(&file, "port = 9000\nocpizza_manager_key = \"s3cret\n").unwrap();
    for arguments in [&["serve"][..], &["serve", "--print-config"], &["migrate"], &["demo"]] {
        let mut program = program(arguments);
        let output = program.env("OCPIZZA_MANAGER_SETTINGS", &file).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("line 2 (ocpizza_manager_key)"), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("s3cret") && output.stdout.is_empty(), "{arguments:?}: {stderr}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn serve_names_each_missing_or_invalid_variable_in_one_line() {
    let dir = empty_dir("variables");
    let (broken, misspelt) = (format!("{dir}/broken.toml"), format!("{dir}/misspelt.toml"));
    std::fs::write(&broken, "port = \n").unwrap();
    std::fs::write(&misspelt, "prot = 8080\n").unwrap();
    let key = "a key of our own, which is long enough";
    let good = [
        ("ENV", "PRODUCTION"),
        ("OCPIZZA_MANAGER_KEY", key),
        // Nothing listens there: with valid settings, the start comes as far as this.
        ("DATABASE_URL", "postgres://app:s3cret@127.0.0.1:1/ocpizza"),
        ("PORT", "8080"),
    ];
    for (name, value, said) in [
        ("PORT", "8080", "cannot connect to the database of DATABASE_URL"),
        ("OCPIZZA_MANAGER_KEY", "", "OCPIZZA_MANAGER_KEY must be set"),
        ("OCPIZZA_MANAGER_KEY", "4jdsksnkgndklnd59sknsk6bv6fv", "OCPIZZA_MANAGER_KEY is the sample value"),
        ("OCPIZZA_MANAGER_KEY", "short", "OCPIZZA_MANAGER_KEY is shorter than 32 bytes"),
        ("OCPIZZA_MANAGER_KEY_PREVIOUS", key, "OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL"),
        ("DATABASE_URL", "", "DATABASE_URL must be set"),
        ("DATABASE_URL", "mysql://app:s3cret@127.0.0.1/ocpizza", "DATABASE_URL must be postgres://"),
        ("DATABASE_URL", "postgres://app:s3cret@127.0.0.1:port/ocpizza", "DATABASE_URL must be postgres://"),
        (
            "DATABASE_URL",
            "postgres://app:s3cret@127.0.0.1/ocpizza?sslmode=maybe",
            "DATABASE_URL must be postgres://",
        ),
        ("OCPIZZA_MANAGER_SETTINGS", "/nowhere.toml", "which OCPIZZA_MANAGER_SETTINGS names"),
        ("OCPIZZA_MANAGER_SETTINGS", &dir, "which OCPIZZA_MANAGER_SETTINGS names"),
        ("OCPIZZA_MANAGER_SETTINGS", &broken, "which OCPIZZA_MANAGER_SETTINGS names"),
        ("OCPIZZA_MANAGER_SETTINGS", &misspelt, "prot"),
        (
            "OCPIZZA_MANAGER_DATABASE_CONNECTIONS",
            "11",
            "OCPIZZA_MANAGER_DATABASE_CONNECTIONS must be at least 12",
        ),
        ("OCPIZZA_MANAGER_PROCESSES", "3", "must be at least 22 for OCPIZZA_MANAGER_PROCESSES=3"),
    ] {
        let output = program(&["serve"]).envs(good).env(name, value).output().unwrap();
        let line = the_one_line(&output);
        assert!(line.contains(said), "{name}={value}: {line}");
        assert!(!line.contains("s3cret"), "{name}={value}: {line}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn print_config_shows_values_and_sources_and_masks_secrets() {
    let dir = empty_dir("printed");
    let file = format!("{dir}/settings.toml");
    std::fs::write(&file, "port = 9000\nocpizza_manager_processes = 2\nenv = \"PRODUCTION\"\n").unwrap();
    let output = program(&["serve", "--print-config"])
        .env("OCPIZZA_MANAGER_SETTINGS", &file)
        .env("PORT", "9001")
        .env("OCPIZZA_MANAGER_KEY", "s3cret")
        .env("OCPIZZA_MANAGER_SMTP_URL", "smtps://mailer:s3cret@mail.example:465")
        .env("DJANGO_SETTINGS_MODULE", "config.settings.production")
        // Nothing listens there, and no connection is made.
        .env("DATABASE_URL", "postgres://app:s3cret@127.0.0.1:1/ocpizza?sslmode=require")
        .output()
        .unwrap();
    let text = stdout(&output);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    // What stands in for what production needs; the mail server does not.
    assert!(text.contains("\n# payment provider: CLOSED, "), "{text}");
    assert!(!text.contains("# mail server"), "{text}");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        ["PORT", "environment", "9001"],
        ["ENV", "file", "PRODUCTION"],
        ["OCPIZZA_MANAGER_PROCESSES", "file", "2"],
        ["OCPIZZA_MANAGER_DATABASE_CONNECTIONS", "default", "20"],
        ["OCPIZZA_MANAGER_KEY", "environment", "***"],
        ["OCPIZZA_MANAGER_SMTP_URL", "environment", "smtps://mailer:***@mail.example:465"],
        ["DATABASE_URL", "environment", "postgres://app:***@127.0.0.1:1/ocpizza?sslmode=require"],
        ["OCPIZZA_MANAGER_RATE_PER_ACCOUNT", "default", "50/500"],
    ] {
        assert!(rows.iter().any(|found| *found == row), "{row:?}: {text}");
    }
    assert!(
        text.contains("a pool of 4 connections") && text.contains("DJANGO_SETTINGS_MODULE does not apply")
    );
    let wrong = program(&["serve", "--print-config"]).env("PORT", "x").output().unwrap();
    assert!(the_one_line(&wrong).contains("PORT must be from 1 to 65535"));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn production_without_a_key_is_refused() {
    let mut program = program(&["serve"]);
    program.env("ENV", "PRODUCTION").env("DATABASE_URL", "postgres://127.0.0.1:1/none");
    let line = the_one_line(&program.output().unwrap());
    assert!(line.contains("OCPIZZA_MANAGER_KEY must be set"), "{line}");
}
