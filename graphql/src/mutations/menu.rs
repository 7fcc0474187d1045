//! The group's menu: each publication is a new version.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{Context, ID, InputObject, Object};
use domain::Cents;
use domain::access::{Permission, Scope};
use domain::ids::{IngredientCode, ItemCode};
use domain::menu::{
    self, ExtraEdit, IngredientEdit, MenuCommand, MenuEdits, MenuError, PizzaEdit, SideEdit, SizeEdit,
};
use domain::usecase::{Refusal, ToMenu};
use domain::vat::{self, VatRate};

use super::run::{execute_in, payload_at, payloads, read_context, settled};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::inputs::{InputRule, NAME_MAX, Path, Problems, StockLineInput};
use crate::roles_directive::{requires, roles};
use crate::scalars::{Date, Decimal};
use crate::types::enums::{Allergen, PizzaSize, SideCategory, Unit, VatClass};
use crate::types::menu::Menu;
use crate::types::user_error::{UserError, UserErrorCode};

/// Something counted in stock, new or by the code of one that there is: of that, what is omitted stays.
#[derive(Debug, InputObject)]
pub struct IngredientInput {
    /// Its code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// Its name; a new one needs it.
    pub name: Option<String>,
    /// What it is counted in; a new one needs it.
    pub unit: Option<Unit>,
    /// Its allergens, all of them; the empty list says that it has none. A new one needs the list.
    pub allergens: Option<Vec<Allergen>>,
    /// Whether a customer may have it left out of a pizza; a new one needs it.
    pub removable: Option<bool>,
}

/// One size of a pizza.
#[derive(Debug, InputObject)]
pub struct SizedPizzaInput {
    /// The size.
    pub size: PizzaSize,
    /// What it costs, VAT included; a new size needs it.
    pub price: Option<Decimal>,
    /// What one takes, dough and box included; a new size needs it.
    pub recipe: Option<Vec<StockLineInput>>,
}

/// A pizza, new or by the code of one that there is: of that, what is omitted stays, sizes included.
#[derive(Debug, InputObject)]
pub struct PizzaInput {
    /// Its code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// Its name; a new one needs it.
    pub name: Option<String>,
    /// The sizes that are added or changed; a new one needs at least one.
    #[graphql(default)]
    pub sizes: Vec<SizedPizzaInput>,
    /// The sizes that are taken off.
    #[graphql(default)]
    pub withdrawn_sizes: Vec<PizzaSize>,
}

/// A drink or a dessert, new or by the code of one that there is: of that, what is omitted stays. It is a stock item
/// under its own code, too: its allergens are those of that ingredient.
#[derive(Debug, InputObject)]
pub struct SideInput {
    /// Its code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// Its name; a new one needs it.
    pub name: Option<String>,
    /// Drink or dessert; a new one needs it.
    pub category: Option<SideCategory>,
    /// Its class for VAT; a new one needs it.
    pub vat_class: Option<VatClass>,
    /// What it costs, VAT included; a new one needs it.
    pub price: Option<Decimal>,
}

/// Something that can be added to a pizza, new or by its ingredient: of one that there is, what is omitted stays.
#[derive(Debug, InputObject)]
pub struct ExtraInput {
    /// What is added: an ingredient's id or code.
    pub ingredient: ID,
    /// How much of it, whatever the size; a new one needs it.
    pub quantity: Option<i64>,
    /// What it costs, VAT included; a new one needs it.
    pub price: Option<Decimal>,
}

/// What a class costs in VAT from a day on.
#[derive(Debug, InputObject)]
pub struct VatRateInput {
    /// The first day on which it applies.
    pub from: Date,
    /// The class.
    pub class: VatClass,
    /// Taken away or delivered, in percent.
    pub away: Decimal,
    /// Eaten on site, in percent.
    pub on_site: Decimal,
}

/// What a new version of the menu adds, changes by code, and takes off. What is omitted stays as it is.
#[derive(Debug, InputObject)]
pub struct PublishMenuInput {
    /// Ingredients added or changed.
    #[graphql(default)]
    pub ingredients: Vec<IngredientInput>,
    /// Pizzas added or changed.
    #[graphql(default)]
    pub pizzas: Vec<PizzaInput>,
    /// Drinks and desserts added or changed.
    #[graphql(default)]
    pub sides: Vec<SideInput>,
    /// Extras added or changed.
    #[graphql(default)]
    pub extras: Vec<ExtraInput>,
    /// VAT rates added; the latest that has begun applies.
    #[graphql(default)]
    pub vat: Vec<VatRateInput>,
    /// Pizzas, drinks and desserts taken off: ids or codes.
    #[graphql(default)]
    pub withdrawn: Vec<ID>,
    /// Extras taken off: their ingredients' ids or codes.
    #[graphql(default)]
    pub withdrawn_extras: Vec<ID>,
    /// 1 to 255 characters: the same key with the same input answers the same, for 72 hours or as the operator has set (24 or more).
    pub idempotency_key: Option<String>,
    /// The version that was seen; another one is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { menu: Menu, Menu::of_result;
    /// The menu that holds now, without a pizzeria's availability.
    PublishMenuPayload,
}

/// The menu.
#[derive(Debug, Default)]
pub struct MenuMutation;

/// The menu.
#[Object]
impl MenuMutation {
    /// Publishes a new version of the group's menu. Orders that were placed keep the prices and the
    /// recipes that they were placed with.
    #[graphql(directive = requires::apply(roles(Permission::PublishMenu)))]
    async fn publish_menu(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: PublishMenuInput,
    ) -> Result<PublishMenuPayload, ApiError> {
        ctx.caller()?.authorize(Permission::PublishMenu, Scope::Group)?;
        settled(ctx, publish(ctx, input).await)
    }
}

/// Reads everything, and publishes.
async fn publish(ctx: &Context<'_>, input: PublishMenuInput) -> Result<PublishMenuPayload, ApiError> {
    let mut problems = Problems::default();
    let edits = MenuEdits {
        ingredients: each(&mut problems, "ingredients", &input.ingredients, ingredient),
        pizzas: each(&mut problems, "pizzas", &input.pizzas, pizza),
        sides: each(&mut problems, "sides", &input.sides, side),
        extras: each(&mut problems, "extras", &input.extras, extra),
        vat: each(&mut problems, "vat", &input.vat, dated_rate),
        withdrawn: each(&mut problems, "withdrawn", &input.withdrawn, |problems, at, id| {
            problems.code(at, id, UserErrorCode::UnknownPizza)
        }),
        withdrawn_extras: each(
            &mut problems,
            "withdrawnExtras",
            &input.withdrawn_extras,
            |problems, at, id| problems.code(at, id, UserErrorCode::UnknownIngredient),
        ),
    };
    let key = input.idempotency_key.clone();
    let context = read_context(ctx, &mut problems, key, input.expected_version)?;
    problems.check()?;
    let command = MenuCommand::Edit { edits: Box::new(edits), now: ctx.now()? };
    let result = execute_in(ctx.services()?, ToMenu { command }, context).await?;
    payload_at(ctx, &result, |error, refusal| match refusal {
        Refusal::Menu(refusal) => UserError { field: place_of(refusal, &input).or(error.field), ..error },
        _ => error,
    })
}

/// The most that one list of a publication holds.
const LIST_MAX: usize = 200;

fn each<I, T>(
    problems: &mut Problems,
    name: &'static str,
    given: &[I],
    parse: impl Fn(&mut Problems, Path<'_>, &I) -> Option<T>,
) -> Vec<T> {
    let at = Path::from(name);
    if !problems.list(at, given, LIST_MAX) {
        return Vec::new();
    }
    let items = given.iter().enumerate();
    items.filter_map(|(index, item)| parse(problems, at.item(index), item)).collect()
}

fn name(problems: &mut Problems, at: Path<'_>, given: Option<&str>) -> Option<String> {
    given.and_then(|name| problems.text(at.field("name"), name, NAME_MAX))
}

fn price(problems: &mut Problems, at: Path<'_>, given: Option<Decimal>) -> Option<Cents> {
    given.and_then(|price| problems.amount(at.field("price"), price))
}

fn ingredient(problems: &mut Problems, at: Path<'_>, given: &IngredientInput) -> Option<IngredientEdit> {
    let code = problems.new_code(at.field("code"), &given.code);
    let name = name(problems, at, given.name.as_deref());
    let allergens = given.allergens.as_ref();
    Some(IngredientEdit {
        code: code?,
        name,
        unit: given.unit.map(Into::into),
        allergens: allergens.map(|all| all.iter().map(|allergen| (*allergen).into()).collect()),
        removable: given.removable,
    })
}

fn pizza(problems: &mut Problems, at: Path<'_>, given: &PizzaInput) -> Option<PizzaEdit> {
    let code = problems.new_code(at.field("code"), &given.code);
    let name = name(problems, at, given.name.as_deref());
    let withdrawn_sizes: BTreeSet<menu::PizzaSize> =
        given.withdrawn_sizes.iter().map(|size| (*size).into()).collect();
    let mut sizes = BTreeMap::new();
    let list = at.field("sizes");
    for (index, sized) in given.sizes.iter().enumerate() {
        let at = list.item(index);
        let size: menu::PizzaSize = sized.size.into();
        let price = price(problems, at, sized.price);
        let lines = sized.recipe.as_deref();
        let recipe = lines.and_then(|lines| problems.stock_lines(at.field("recipe"), lines, 1));
        let twice = sizes.insert(size, SizeEdit { price, recipe }).is_some();
        if twice || withdrawn_sizes.contains(&size) {
            problems.add(at.field("size"), InputRule::Duplicate);
        }
    }
    Some(PizzaEdit { code: code?, name, sizes, withdrawn_sizes })
}

fn side(problems: &mut Problems, at: Path<'_>, given: &SideInput) -> Option<SideEdit> {
    let code = problems.new_code(at.field("code"), &given.code);
    let name = name(problems, at, given.name.as_deref());
    let price = price(problems, at, given.price);
    let (category, vat_class) = (given.category.map(Into::into), given.vat_class.map(Into::into));
    Some(SideEdit { code: code?, name, category, vat_class, price })
}

fn extra(problems: &mut Problems, at: Path<'_>, given: &ExtraInput) -> Option<ExtraEdit> {
    let ingredient = problems.new_code(at.field("ingredient"), &given.ingredient);
    let quantity = given.quantity.and_then(|quantity| problems.quantity(at.field("quantity"), quantity, 1));
    let price = price(problems, at, given.price);
    Some(ExtraEdit { ingredient: ingredient?, quantity, price })
}

fn dated_rate(problems: &mut Problems, at: Path<'_>, given: &VatRateInput) -> Option<vat::DatedRate> {
    // A percentage with two decimals is a number of hundredths of a percent.
    let mut rate = |name, percent| {
        let hundredths = problems.amount(at.field(name), percent)?;
        Some(VatRate(u32::try_from(hundredths.0).unwrap_or(u32::MAX)))
    };
    let (away, on_site) = (rate("away", given.away), rate("onSite", given.on_site));
    Some(vat::DatedRate { from: given.from.0, class: given.class.into(), away: away?, on_site: on_site? })
}

/// Where the input names what a refusal is about.
fn place_of(refusal: &MenuError, input: &PublishMenuInput) -> Option<Vec<String>> {
    let is = |id: &ID, code: &str| ItemCode::parse(id).is_some_and(|item| item.as_str() == code);
    let at = |list: &'static str, index: Option<usize>, name: &str| {
        let path = Path::from(list);
        index.map(|index| path.item(index).field(name).parts())
    };
    let pizza = |code: &str| input.pizzas.iter().position(|pizza| is(&pizza.code, code));
    let side = |code: &str| input.sides.iter().position(|side| is(&side.code, code));
    let extra = |code: &str| {
        let named = |extra: &ExtraInput| {
            IngredientCode::parse(&extra.ingredient).is_some_and(|named| named.as_str() == code)
        };
        input.extras.iter().position(named)
    };
    let listed = |code: &str| {
        let named = |listed: &IngredientInput| {
            IngredientCode::parse(&listed.code).is_some_and(|named| named.as_str() == code)
        };
        input.ingredients.iter().position(named)
    };
    match refusal {
        MenuError::NothingToPublish => None,
        MenuError::UnknownItem { item } => {
            let index = input.withdrawn.iter().position(|id| is(id, item.as_str()));
            index.map(|index| Path::from("withdrawn").item(index).parts())
        }
        MenuError::UnknownIngredient { ingredient } => in_a_recipe(ingredient, input)
            .or_else(|| at("extras", extra(ingredient.as_str()), "ingredient"))
            .or_else(|| at("sides", side(ingredient.as_str()), "code"))
            .or_else(|| {
                let named = |id: &ID| IngredientCode::parse(id).is_some_and(|named| named == *ingredient);
                let index = input.withdrawn_extras.iter().position(named);
                index.map(|index| Path::from("withdrawnExtras").item(index).parts())
            }),
        MenuError::UnknownSize { item, .. } => at("pizzas", pizza(item.as_str()), "withdrawnSizes"),
        MenuError::DuplicateCode { item } => at("sides", side(item.as_str()), "code")
            .or_else(|| at("pizzas", pizza(item.as_str()), "code"))
            .or_else(|| at("extras", extra(item.as_str()), "ingredient"))
            .or_else(|| at("ingredients", listed(item.as_str()), "code")),
        MenuError::NoRecipe { item } => at("pizzas", pizza(item.as_str()), "sizes"),
        MenuError::QuantityTooLarge { item, ingredient, .. } => in_a_recipe(ingredient, input)
            .filter(|_| pizza(item.as_str()).is_some())
            .or_else(|| at("extras", extra(item.as_str()), "quantity")),
        MenuError::InvalidPrice { code } => at("pizzas", pizza(code), "sizes")
            .or_else(|| at("sides", side(code), "price"))
            .or_else(|| at("extras", extra(code), "price")),
        MenuError::ValueRequired { code, field } => at("pizzas", pizza(code), field)
            .or_else(|| at("sides", side(code), field))
            .or_else(|| at("extras", extra(code), field))
            .or_else(|| at("ingredients", listed(code), field))
            .map(in_sizes),
        MenuError::InvalidRate => Some(Path::from("vat").parts()),
    }
}

/// A pizza's price and recipe are those of its sizes.
fn in_sizes(mut path: Vec<String>) -> Vec<String> {
    let of_a_size = ["price", "recipe"].iter().any(|name| path.last().is_some_and(|last| last == name));
    if of_a_size && path.get(1).is_some_and(|list| list == "pizzas") {
        path.pop();
        path.push("sizes".to_owned());
    }
    path
}

/// The first recipe that names an ingredient.
fn in_a_recipe(ingredient: &IngredientCode, input: &PublishMenuInput) -> Option<Vec<String>> {
    let named = |line: &StockLineInput| IngredientCode::parse(&line.ingredient).as_ref() == Some(ingredient);
    input.pizzas.iter().enumerate().find_map(|(pizza, given)| {
        given.sizes.iter().enumerate().find_map(|(size, sized)| {
            let line = sized.recipe.as_ref()?.iter().position(named)?;
            let (pizzas, sizes) = (Path::from("pizzas"), "sizes");
            let pizza = pizzas.item(pizza);
            let list = pizza.field(sizes);
            let sized = list.item(size);
            let recipe = sized.field("recipe");
            Some(recipe.item(line).field("ingredient").parts())
        })
    })
}
