//! Reads the definition of each event from the source of this crate: the fields, their types and their descriptions
//! stand there once, and serde derives the stored form from them. Whatever else serde could do to a field is rejected.

use std::collections::BTreeMap;
use std::path::Path;

use syn::{Attribute, Expr, ExprLit, Field, Fields, Item, ItemEnum, ItemStruct, Lit, Type, Variant};

/// Field of a stored event that holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Defined {
    /// Path from the payload: `?` marks what may be missing, `[]` a list, `{}` an object whose keys are codes.
    pub path: String,
    /// Type and unit, or the name of an enumeration.
    pub kind: String,
    /// Description.
    pub meaning: String,
}

/// Type definitions of this crate, by name.
#[derive(Default)]
pub(super) struct Source {
    structs: BTreeMap<String, Vec<ItemStruct>>,
    enums: BTreeMap<String, Vec<ItemEnum>>,
}

impl Source {
    pub(super) fn read(folder: &Path) -> Self {
        let mut source = Self::default();
        source.read_folder(folder);
        source
    }

    fn read_folder(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.read_folder(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
                file.items.into_iter().for_each(|item| self.take(item));
            }
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Struct(item) => self.structs.entry(item.ident.to_string()).or_default().push(item),
            Item::Enum(item) => self.enums.entry(item.ident.to_string()).or_default().push(item),
            // `coded! { $ for_each_name … enum … }`
            Item::Macro(item) if item.mac.path.is_ident("coded") => {
                let tokens = item.mac.tokens.into_iter().skip(2).collect();
                let item: ItemEnum = syn::parse2(tokens).unwrap();
                self.enums.entry(item.ident.to_string()).or_default().push(item);
            }
            _ => {}
        }
    }

    /// Returns the description and the fields of an event, in the order in which they are stored.
    pub(super) fn event(&self, name: &str) -> (String, Vec<Defined>) {
        let events = self.enums.iter().filter(|(owner, _)| owner.ends_with("Event")).flat_map(|(_, all)| all);
        let mut variants = events.flat_map(|all| &all.variants).filter(|variant| variant.ident == name);
        let variant = variants.next().unwrap_or_else(|| panic!("no event {name}"));
        assert!(variants.next().is_none(), "two events {name}");
        let mut fields = Vec::new();
        self.fields(
            &variant.fields,
            "",
            &Serde { rename_all: Some("camelCase".to_owned()), ..Serde::default() },
            &mut fields,
        );
        (description(&variant.attrs), fields)
    }

    /// Returns the values of an enumeration; none if it is not one.
    pub(super) fn codes(&self, name: &str) -> Vec<String> {
        let Some(item) = only(&self.enums, name) else { return Vec::new() };
        let screaming =
            Serde::of(&item.attrs).rename_all.is_some_and(|style| style == "SCREAMING_SNAKE_CASE");
        item.variants.iter().map(|variant| code(variant, screaming)).collect()
    }

    fn fields(&self, fields: &Fields, prefix: &str, container: &Serde, defined: &mut Vec<Defined>) {
        for field in fields {
            let serde = Serde::of(&field.attrs);
            assert!(serde.rename_all.is_none() && serde.tag.is_none() && serde.try_from.is_none());
            if serde.flatten {
                self.value(&field.ty, prefix, "", field, defined);
                continue;
            }
            let name = field.ident.as_ref().expect("a named field").to_string();
            let name = serde.rename.unwrap_or(name);
            let name = match container.rename_all.as_deref() {
                Some("camelCase") => camel_case(&name),
                None => name,
                Some(style) => panic!("fields in {style}"),
            };
            let missing = serde.default || container.default || generic(&field.ty, "Option").is_some();
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let path = if missing { format!("{path}?") } else { path };
            self.value(&field.ty, &path, &name, field, defined);
        }
    }

    fn value(&self, ty: &Type, path: &str, name: &str, field: &Field, defined: &mut Vec<Defined>) {
        if let Some(inner) = generic(ty, "Option").or_else(|| generic(ty, "Box")) {
            return self.value(inner, path, name, field, defined);
        }
        if let Some(inner) = generic(ty, "Vec").or_else(|| generic(ty, "BTreeSet")) {
            return self.value(inner, &format!("{path}[]"), name, field, defined);
        }
        if let Some(inner) = generic(ty, "BTreeMap") {
            return self.value(inner, &format!("{path}{{}}"), name, field, defined);
        }
        let type_name = last_segment(ty).ident.to_string();
        let mut leaf = |kind: String| {
            defined.push(Defined { path: path.to_owned(), kind, meaning: description(&field.attrs) });
        };
        if let Some(kind) = scalar(&type_name, name) {
            return leaf(kind);
        }
        if let Some(item) = only(&self.enums, &type_name) {
            let tag = Serde::of(&item.attrs).tag;
            leaf_of_enum(item, tag.is_some());
            let Some(tag) = tag else { return leaf(type_name) };
            defined.push(Defined {
                path: format!("{path}.{tag}"),
                kind: type_name,
                meaning: description(&field.attrs),
            });
            let each = Serde { rename_all: Some("camelCase".to_owned()), default: true, ..Serde::default() };
            for variant in &item.variants {
                let mut fields = Vec::new();
                self.fields(&variant.fields, path, &each, &mut fields);
                fields.retain(|field| defined.iter().all(|there| there.path != field.path));
                defined.append(&mut fields);
            }
            return;
        }
        let item =
            only(&self.structs, &type_name).unwrap_or_else(|| panic!("{type_name} needs a kind: scalar()"));
        let serde = Serde::of(&item.attrs);
        if let Some(stored) = &serde.try_from {
            return self.value(&syn::parse_str(stored).unwrap(), path, name, field, defined);
        }
        match &item.fields {
            Fields::Unnamed(inner) if serde.transparent => {
                self.value(&inner.unnamed[0].ty, path, name, field, defined);
            }
            fields => self.fields(fields, path, &serde, defined),
        }
    }
}

/// Returns what a type is stored as, with its unit; `None` if it has parts or names a code.
fn scalar(type_name: &str, field: &str) -> Option<String> {
    let kind = match type_name {
        "Cents" => "integer, cents",
        "Quantity" => "integer, the ingredient's unit",
        "VatRate" => "integer, hundredths of a percent",
        "LogPosition" => "integer, position",
        "u16" | "u32" | "u64" | "i32" | "i64" => return Some(format!("integer, {}", unit(field))),
        "bool" => "boolean",
        "String" => "text",
        "Tz" => "text, name of a time zone",
        "Weekday" => "text, `Mon` to `Sun`",
        "DateTime" => "time",
        "NaiveDate" => "date",
        "PizzeriaId" | "ItemCode" | "IngredientCode" => "code",
        "Uuid" => "id",
        id if id.ends_with("Id") => "id",
        _ => return None,
    };
    Some(kind.to_owned())
}

/// Returns the unit of a plain integer. A new field needs an entry.
fn unit(field: &str) -> &'static str {
    match field {
        "distanceM" | "radiusM" => "metres",
        "lat" | "lon" => "millionths of a degree",
        "from" | "to" => "minutes after local midnight",
        "available" | "expected" | "difference" => "the ingredient's unit",
        "quantity" | "pieces" => "pieces",
        "orders" | "placed" | "cancelled" | "refused" => "orders",
        "size" => "events",
        "tries" => "tries",
        "id" | "line" | "removed" | "unnoted" | "number" | "version" | "recipeVersion" => "number",
        _ => panic!("the integer {field} needs a unit: unit()"),
    }
}

/// Attributes of serde that this module understands; `skip_serializing_if` and `into` only shape what is written.
#[derive(Default)]
struct Serde {
    default: bool,
    transparent: bool,
    flatten: bool,
    rename: Option<String>,
    rename_all: Option<String>,
    tag: Option<String>,
    try_from: Option<String>,
}

impl Serde {
    fn of(attributes: &[Attribute]) -> Self {
        let mut serde = Self::default();
        for attribute in attributes.iter().filter(|one| one.path().is_ident("serde")) {
            let read = attribute.parse_nested_meta(|meta| {
                let key = meta.path.require_ident()?.to_string();
                let value = match meta.value() {
                    Ok(value) => Some(value.parse::<syn::LitStr>()?.value()),
                    Err(_) => None,
                };
                match &*key {
                    "default" => serde.default = true,
                    "transparent" => serde.transparent = true,
                    "flatten" => serde.flatten = true,
                    "rename" => serde.rename = value,
                    "rename_all" => serde.rename_all = value,
                    "tag" => serde.tag = value,
                    "try_from" => serde.try_from = value,
                    "skip_serializing_if" | "into" | "rename_all_fields" => {}
                    _ => return Err(meta.error("the catalogue does not know this attribute")),
                }
                Ok(())
            });
            read.unwrap();
        }
        serde
    }
}

fn leaf_of_enum(item: &ItemEnum, tagged: bool) {
    let plain = item.variants.iter().all(|variant| matches!(variant.fields, Fields::Unit));
    assert!(plain || tagged, "{} has fields and no tag", item.ident);
}

fn code(variant: &Variant, screaming: bool) -> String {
    if let Some((_, Expr::Lit(ExprLit { lit: Lit::Str(code), .. }))) = &variant.discriminant {
        return code.value();
    }
    let name = variant.ident.to_string();
    if !screaming {
        return name;
    }
    let words = name.char_indices().map(|(at, letter)| {
        let begins = at > 0 && letter.is_uppercase();
        format!("{}{}", if begins { "_" } else { "" }, letter.to_ascii_uppercase())
    });
    words.collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(1);
        name + &initial.to_ascii_uppercase() + rest
    })
}

fn last_segment(ty: &Type) -> &syn::PathSegment {
    let Type::Path(path) = ty else { panic!("a type that is not a path") };
    path.path.segments.last().unwrap()
}

/// Returns the last type argument of a type of this name.
fn generic<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty);
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.last() {
        Some(syn::GenericArgument::Type(inner)) if segment.ident == name => Some(inner),
        _ => None,
    }
}

fn only<'a, T>(items: &'a BTreeMap<String, Vec<T>>, name: &str) -> Option<&'a T> {
    let items = items.get(name)?;
    assert_eq!(items.len(), 1, "one type is called {name}");
    items.first()
}

/// Returns the first paragraph of a description, without links.
fn description(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|one| one.path().is_ident("doc")).map(|one| match &one.meta {
        syn::Meta::NameValue(syn::MetaNameValue {
            value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }),
            ..
        }) => text.value().trim().to_owned(),
        _ => panic!("a description that is no text"),
    });
    let text = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    text.replace("[`", "`").replace("`]", "`").replace("crate::note::", "").replace("`None`", "not set")
}
