//! How the value of a setting may be shown: in `--print-config` and in errors.

use reqwest::Url;

/// What stands for a secret.
const HIDDEN: &str = "***";
/// Words in the names of a URL's parameters that hold secrets.
const SECRET_WORDS: [&str; 5] = ["KEY", "PASSWORD", "SECRET", "TOKEN", "HEADERS"];

/// What of a setting's value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Nothing, unless the value has credentials of a URL in it.
    Open,
    /// The whole value.
    Secret,
    /// The password and secret parameters of a URL.
    Url,
    /// The address of a webhook; `stdout` and files are open.
    Destination,
}

impl Secrecy {
    /// Returns a value as `--print-config` shows it.
    pub(super) fn show(self, value: &str) -> String {
        let trimmed = value.trim();
        let is_open = match self {
            Self::Open => !(value.contains("://") && value.contains('@')),
            Self::Secret | Self::Url => false,
            Self::Destination => trimmed == "stdout" || trimmed.starts_with("file:"),
        };
        match Url::parse(value) {
            _ if is_open => value.to_owned(),
            Ok(url) if matches!(self, Self::Open | Self::Url) && value.contains("://") => {
                mask_url(value, url)
            }
            Ok(_) | Err(_) => HIDDEN.to_owned(),
        }
    }

    /// Returns a value as the end of an error: an invalid value of a secret may be a secret in the wrong place.
    pub(super) fn quote(self, value: &str) -> String {
        match self {
            Self::Open if self.show(value) == value => format!("not {value:?}"),
            Self::Open | Self::Secret | Self::Url | Self::Destination => {
                "not the value set, which is not shown because it may be secret".to_owned()
            }
        }
    }
}

fn mask_url(text: &str, mut url: Url) -> String {
    let is_secret = |name: &str| SECRET_WORDS.iter().any(|word| name.to_ascii_uppercase().contains(word));
    let in_query = url.query_pairs().any(|(name, _)| is_secret(&name));
    if url.password().is_none() && !in_query {
        return text.to_owned();
    }
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    if in_query {
        let masked =
            |(name, value)| (String::clone(&name), if is_secret(&name) { HIDDEN.to_owned() } else { value });
        let pairs: Vec<_> = url.query_pairs().into_owned().map(masked).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::Secrecy::*;

    #[test]
    fn hides_secrets_wherever_they_stand() {
        for (secrecy, value, shown) in [
            (Secret, "abc", "***"),
            (Open, "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            (Url, "postgres://app:s3cret@db/name", "postgres://app:***@db/name"),
            (Url, "postgres:///name?host=/run&password=s3cret", "postgres:///name?host=%2Frun&password=***"),
            (Url, "app:s3cret@db", "***"),
            (Url, "smtps://u:s3cret@mail:465", "smtps://u:***@mail:465"),
            (Open, "https://a.example,https://b.example", "https://a.example,https://b.example"),
            (Open, "https://u:s3cret@a.example", "https://u:***@a.example/"),
            (Open, "8080", "8080"),
            (Destination, "stdout", "stdout"),
            (Destination, "file:/var/heads", "file:/var/heads"),
            (Destination, " HTTPS://hooks.example/s3cret", "***"),
        ] {
            assert_eq!(secrecy.show(value), shown);
            assert!(!secrecy.quote(value).contains("s3cret"));
        }
        assert_eq!(Open.quote("eighty"), "not \"eighty\"");
    }
}
