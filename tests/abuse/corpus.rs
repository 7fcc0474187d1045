//! Abusive requests, each with the codes that may refuse it.

use serde_json::{Value, json};

const JSON: &str = "application/json";
const TOO_COMPLEX: &[&str] = &["QUERY_TOO_COMPLEX"];
const UNPARSED: &[&str] = &["GRAPHQL_PARSE_FAILED"];
const INVALID: &[&str] = &["GRAPHQL_VALIDATION_FAILED"];
const BAD_INPUT: &[&str] = &["BAD_USER_INPUT"];
const NOWHERE: &[&str] = &["BAD_USER_INPUT", "NOT_FOUND"];

/// A request.
pub struct Abuse {
    pub name: &'static str,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Vec<u8>,
    pub codes: &'static [&'static str],
}

fn body(name: &'static str, body: impl Into<Vec<u8>>, codes: &'static [&'static str]) -> Abuse {
    Abuse { name, headers: vec![("content-type", JSON)], body: body.into(), codes }
}

fn query(name: &'static str, query: impl Into<String>, codes: &'static [&'static str]) -> Abuse {
    body(name, json!({ "query": query.into() }).to_string(), codes)
}

fn variables(name: &'static str, variables: Value, codes: &'static [&'static str]) -> Abuse {
    let query = "query($input: QuoteOrderInput!) { quoteOrder(input: $input) { total { amount } } }";
    body(name, json!({ "query": query, "variables": variables }).to_string(), codes)
}

fn many(times: usize, part: impl Fn(usize) -> String) -> String {
    (0..times).map(part).collect()
}

/// Fragments that each spread the next one twice, down to this selection.
fn doubling(levels: usize, last: &str) -> String {
    let fragments = many(levels, |at| format!("fragment F{at} on Query{{...F{0} ...F{0}}}", at + 1));
    format!("{{...F0}}{fragments}{last}")
}

fn nested(times: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

/// Documents that are too expensive.
fn documents() -> Vec<Abuse> {
    let introspection = nested(12, "{possibleTypes{interfaces", "{name}", "}}");
    vec![
        query("deep", nested(40, "{node(id:\"x\")", "{id}", "}"), TOO_COMPLEX),
        query(
            "deep in fragments",
            format!(
                "{{node(id:\"x\"){{...F0}}}}{}fragment F30 on Order{{id}}",
                many(30, |at| format!("fragment F{at} on Order{{delivery{{order{{...F{}}}}}}}", at + 1))
            ),
            TOO_COMPLEX,
        ),
        query("brackets", nested(10_000, "{a", "{a}", "}"), TOO_COMPLEX),
        query("brackets of a literal", format!("{{node(id:{})}}", nested(20_000, "[", "", "]")), TOO_COMPLEX),
        query("objects of a literal", format!("{{node(id:{})}}", nested(60, "{a:", "1", "}")), INVALID),
        query("wide", format!("{{{}}}", "__typename ".repeat(5_500)), TOO_COMPLEX),
        query(
            "wide pages",
            format!(
                "{{{}}}",
                many(29, |at| format!(
                    "a{at}:orders(first:100){{nodes{{id number status total{{amount}}due{{amount}}paid{{amount}}placedAt late}}}}"
                ))
            ),
            TOO_COMPLEX,
        ),
        query("tokens", format!("{{{}}}", "a ".repeat(30_000)), TOO_COMPLEX),
        query("commas", format!("{{{}", ",".repeat(60_000)), UNPARSED),
        query("comments", format!("#{}", "x".repeat(60_000)), UNPARSED),
        query("aliases", format!("{{{}}}", many(2_000, |at| format!("a{at}:pizzerias{{id}}"))), TOO_COMPLEX),
        query(
            "aliases of many fields",
            format!("{{pizzerias{{{}}}}}", many(8, |of| many(29, |at| format!("a{of}_{at}:f{of} ")))),
            TOO_COMPLEX,
        ),
        query("a field again and again", format!("{{{}}}", "me{id}".repeat(1_000)), TOO_COMPLEX),
        query(
            "a field again in fragments",
            format!("{{{}}}fragment F on Query{{me{{id}}}}", "...F ".repeat(1_000)),
            TOO_COMPLEX,
        ),
        query("cycle", "{...A}fragment A on Query{...A}", TOO_COMPLEX),
        query(
            "cycle of many",
            format!(
                "{{...F0}}{}",
                many(100, |at| format!("fragment F{at} on Query{{...F{}}}", (at + 1) % 100))
            ),
            TOO_COMPLEX,
        ),
        query("cycle aside", "{__typename}fragment A on Query{...B}fragment B on Query{...A}", TOO_COMPLEX),
        query("fragment bomb", doubling(23, "fragment F23 on Query{pizzerias{id}}"), TOO_COMPLEX),
        query("fragment bomb of nothing", doubling(23, ""), TOO_COMPLEX),
        query(
            "fragment bomb of inline fragments",
            format!("{{{}}}", nested(64, "...{", "__typename", "}")),
            TOO_COMPLEX,
        ),
        query(
            "directives at a place",
            format!("{{__typename {}}}", "@skip(if:false)".repeat(1_000)),
            TOO_COMPLEX,
        ),
        query(
            "directives everywhere",
            format!("{{{}}}", "__typename @skip(if:false)@include(if:true)".repeat(900)),
            TOO_COMPLEX,
        ),
        query(
            "unknown directives",
            format!("{{{}}}", many(25, |at| format!("pizzerias @d{at} @e{at}{{id}}"))),
            INVALID,
        ),
        query("operations", many(2_000, |at| format!("query Q{at}{{__typename}}")), TOO_COMPLEX),
        query(
            "fragments",
            format!("{{__typename}}{}", many(1_000, |at| format!("fragment F{at} on Query{{__typename}}"))),
            TOO_COMPLEX,
        ),
        query("operations of one name", "query A{__typename}query A{__typename}", INVALID),
        query(
            "variables",
            format!("query({}){{__typename}}", many(2_000, |at| format!("$v{at}:Int "))),
            TOO_COMPLEX,
        ),
        query(
            "mutations",
            format!("mutation{{{}}}", many(25, |at| format!("a{at}:signOut(input:{{}}){{position}}"))),
            TOO_COMPLEX,
        ),
        query("introspection", format!("{{__schema{{types{{{}}}}}}}", "name ".repeat(900)), TOO_COMPLEX),
        query("introspection in itself", format!("{{__schema{{types{introspection}}}}}"), TOO_COMPLEX),
        query(
            "pages of pages",
            "{orders(first:100){nodes{history(first:100){nodes{id type payload}}}}}",
            TOO_COMPLEX,
        ),
        query("unknown fields", format!("{{{}}}", many(4_000, |at| format!("pizzeriaas{at} "))), INVALID),
        query(
            "unknown types",
            format!("{{{}}}", many(600, |at| format!("... on Pizzeriaa{at}{{f{at}}}"))),
            INVALID,
        ),
        query(
            "unknown arguments",
            format!("{{{}}}", many(30, |at| format!("pizzerias(firsst{at}:1){{id}}"))),
            INVALID,
        ),
        query(
            "unknown fields of a unit",
            format!("{{pizzerias{{code{{{}}}}}}}", many(1_000, |at| format!("nothing{at} "))),
            INVALID,
        ),
        query(
            "long unknown fields",
            format!("{{{}}}", many(450, |at| format!("{}{at} ", "p".repeat(120)))),
            INVALID,
        ),
        query("a long name", format!("{{{}}}", "a".repeat(60_000)), TOO_COMPLEX),
        query(
            "fields that conflict",
            format!("{{pizzeria(id:\"P1\"){{{}}}}}", many(14, |at| format!("a:id a:name a{at}:id "))),
            INVALID,
        ),
        query(
            "two subscriptions in one",
            "subscription{eventAppended{position} b:eventAppended{position}}",
            INVALID,
        ),
    ]
}

/// Texts that are not documents.
fn texts() -> Vec<Abuse> {
    vec![
        query("nothing", "", UNPARSED),
        query("NUL", "{__typename}\u{0}", UNPARSED),
        query(
            "NUL in a string",
            "{pizzeria(id:\"P1\u{0}\"){id}}",
            &["GRAPHQL_PARSE_FAILED", "BAD_USER_INPUT"],
        ),
        query("control characters", "{\u{1}\u{7f}\u{1b}[31m}", UNPARSED),
        query("another direction", "{\u{202e}__typename}", UNPARSED),
        query("an open string", format!("{{node(id:\"{}", "x".repeat(50_000)), UNPARSED),
        query("an open block", format!("{{node(id:\"\"\"{}", "\\\"\"\"".repeat(5_000)), UNPARSED),
        query(
            "blocks of quotes",
            format!("{{node(id:{})}}", "\"\"\"\"".repeat(5_000)),
            &["GRAPHQL_PARSE_FAILED", "QUERY_TOO_COMPLEX"],
        ),
        query(
            "a block of lines",
            format!("{{pizzeria(id:\"\"\"{}\"\"\"){{id}}}}", "\n ".repeat(20_000)),
            NOWHERE,
        ),
        query("escapes", format!("{{pizzeria(id:\"{}\"){{id}}}}", "\\u0041".repeat(7_000)), NOWHERE),
        query("half of a pair", "{node(id:\"\\ud800\"){id}}", &["GRAPHQL_PARSE_FAILED", "BAD_USER_INPUT"]),
        query("a huge string", format!("{{pizzeria(id:\"{}\"){{id}}}}", "x".repeat(60_000)), NOWHERE),
        query("a huge number", format!("{{orders(first:{}){{nodes{{id}}}}}}", "9".repeat(100)), BAD_INPUT),
        query(
            "a number longer than a name",
            format!("{{orders(first:{}){{nodes{{id}}}}}}", "9".repeat(50_000)),
            TOO_COMPLEX,
        ),
        query(
            "a huge exponent",
            "{orders(first:1e999999999){nodes{id}}}",
            &["BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED"],
        ),
        query(
            "types of a list",
            format!("query($a:{}){{__typename}}", nested(60, "[", "Int", "]")),
            &["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"],
        ),
        query("a schema", "type Query{a:Int}", UNPARSED),
    ]
}

/// Bodies and variables.
fn bodies() -> Vec<Abuse> {
    let good = json!({ "query": "{__typename}" }).to_string();
    let hash = "0".repeat(64);
    let mut marked = vec![0xef, 0xbb, 0xbf];
    marked.extend(good.as_bytes());
    vec![
        body("a huge body", format!("{{\"query\":\"{}\"}}", "x".repeat(1_000_000)), BAD_INPUT),
        body("a huge variable", json!({ "query": "{__typename}", "variables": { "x": "y".repeat(70_000) } }).to_string(), BAD_INPUT),
        variables("deep variables", (0..100).fold(json!(1), |inner, _| json!({ "input": [inner] })), BAD_INPUT),
        body("deeper variables", format!("{{\"query\":\"{{a}}\",\"variables\":{}", "{\"a\":".repeat(10_000)), BAD_INPUT),
        variables("long variables", json!({ "input": vec![0; 20_000] }), BAD_INPUT),
        variables("many variables", json!({ "input": many(5_000, |at| format!("{at},")) }), BAD_INPUT),
        variables("huge numbers", json!({ "input": { "pizzeriaId": "P1", "fulfilment": "TAKEAWAY", "lines": [{ "item": "MAR", "size": "M", "quantity": i64::MAX }] } }), BAD_INPUT),
        body("a number out of range", r#"{"query":"{__typename}","variables":{"x":1e999}}"#, BAD_INPUT),
        body("bad UTF-8", b"{\"query\":\"{__typename}\xff\xfe\"}".to_vec(), BAD_INPUT),
        body("overlong UTF-8", b"{\"query\":\"{\xc0\xafa}\"}".to_vec(), BAD_INPUT),
        body("half of a pair in JSON", r#"{"query":"{__typename}\ud800"}"#, BAD_INPUT),
        body("NUL in JSON", b"{\"query\":\"{__typename}\0\"}".to_vec(), BAD_INPUT),
        body("a byte order mark", marked, BAD_INPUT),
        body("a parameter twice", r#"{"query":"{__typename}","query":"{pizzerias{id}}"}"#, BAD_INPUT),
        body("a batch", format!("[{}]", vec![good.clone(); 1_000].join(",")), BAD_INPUT),
        body("a batch of batches", "[".repeat(60_000), BAD_INPUT),
        body("no JSON", "query={__typename}", BAD_INPUT),
        body("more than JSON", format!("{good}{good}"), BAD_INPUT),
        body("a forged hash", json!({ "query": "{__typename}", "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } }).to_string(), BAD_INPUT),
        body("a hash of nothing", json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } }).to_string(), &["PERSISTED_QUERY_NOT_FOUND"]),
        body("a document's path", json!({ "documentId": "../../etc/passwd" }).to_string(), &["PERSISTED_QUERY_NOT_FOUND"]),
        Abuse { headers: vec![("content-type", "text/plain")], ..body("a form's type", good.clone(), BAD_INPUT) },
        Abuse { headers: vec![("content-type", "multipart/form-data; boundary=x")], ..body("an upload", good.clone(), BAD_INPUT) },
        Abuse { headers: vec![("content-type", "application/json; charset=utf-16")], ..body("another charset", good.clone(), BAD_INPUT) },
        Abuse { headers: vec![("content-type", JSON), ("content-encoding", "gzip")], ..body("compressed", vec![0x1f, 0x8b, 8, 0], BAD_INPUT) },
        body("compressed, and not said so", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0], BAD_INPUT),
        Abuse { headers: vec![("content-type", JSON), ("accept", "text/html")], ..body("another answer", good, BAD_INPUT) },
    ]
}

/// All requests of the corpus.
pub fn corpus() -> Vec<Abuse> {
    documents().into_iter().chain(texts()).chain(bodies()).collect()
}
