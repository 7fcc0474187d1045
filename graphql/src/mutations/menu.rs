//! Mutation of the group's menu: each publication is a new version.

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
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::inputs::{InputRule, NAME_MAX, Path, Problems, StockLineInput};
use crate::scalars::{Date, Decimal};
use crate::types::enums::{Allergen, PizzaSize, SideCategory, Unit, VatClass};
use crate::types::menu::Menu;
use crate::types::user_error::UserError;
use crate::types::user_error_code::UserErrorCode;

/// An ingredient, new or changed by its code; omitted fields of an existing ingredient stay unchanged.
#[derive(Debug, InputObject)]
pub struct IngredientInput {
    /// The code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// The name; required for a new ingredient.
    pub name: Option<String>,
    /// The unit in which it is counted; required for a new ingredient.
    pub unit: Option<Unit>,
    /// All its allergens; the empty list declares that it has no allergens. Required for a new ingredient.
    pub allergens: Option<Vec<Allergen>>,
    /// Whether a customer may leave it out of a pizza; required for a new ingredient.
    pub removable: Option<bool>,
}

/// One size of a pizza.
#[derive(Debug, InputObject)]
pub struct SizedPizzaInput {
    /// The size.
    pub size: PizzaSize,
    /// The price, VAT included; required for a new size.
    pub price: Option<Decimal>,
    /// The ingredients of one pizza, dough and box included; required for a new size.
    pub recipe: Option<Vec<StockLineInput>>,
}

/// A pizza, new or changed by its code; omitted fields and sizes of an existing pizza stay unchanged.
#[derive(Debug, InputObject)]
pub struct PizzaInput {
    /// The code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// The name; required for a new pizza.
    pub name: Option<String>,
    /// The sizes to add or change; a new pizza requires at least one.
    #[graphql(default)]
    pub sizes: Vec<SizedPizzaInput>,
    /// The sizes to withdraw.
    #[graphql(default)]
    pub withdrawn_sizes: Vec<PizzaSize>,
}

/// A drink or a dessert, new or changed by its code; omitted fields of an existing item stay unchanged. It is
/// also an ingredient with the same code, whose allergens it has.
#[derive(Debug, InputObject)]
pub struct SideInput {
    /// The code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// The name; required for a new item.
    pub name: Option<String>,
    /// Drink or dessert; required for a new item.
    pub category: Option<SideCategory>,
    /// The class for VAT; required for a new item.
    pub vat_class: Option<VatClass>,
    /// The price, VAT included; required for a new item.
    pub price: Option<Decimal>,
}

/// An extra for a pizza, new or changed by its ingredient; omitted fields of an existing extra stay
/// unchanged.
#[derive(Debug, InputObject)]
pub struct ExtraInput {
    /// The id or code of the ingredient that is added.
    pub ingredient: ID,
    /// The quantity added to every size, in the ingredient's unit; required for a new extra.
    pub quantity: Option<i64>,
    /// The price, VAT included; required for a new extra.
    pub price: Option<Decimal>,
}

/// The VAT rates of a class from a date on.
#[derive(Debug, InputObject)]
pub struct VatRateInput {
    /// The first day on which it applies.
    pub from: Date,
    /// The class of products.
    pub class: VatClass,
    /// The rate for takeaway and delivery, in percent.
    pub away: Decimal,
    /// The rate for eating on site, in percent.
    pub on_site: Decimal,
}

/// The changes of a new version of the menu: additions, changes by code, and withdrawals. Omitted items stay
/// unchanged.
#[derive(Debug, InputObject)]
pub struct PublishMenuInput {
    /// Ingredients to add or change.
    #[graphql(default)]
    pub ingredients: Vec<IngredientInput>,
    /// Pizzas to add or change.
    #[graphql(default)]
    pub pizzas: Vec<PizzaInput>,
    /// Drinks and desserts to add or change.
    #[graphql(default)]
    pub sides: Vec<SideInput>,
    /// Extras to add or change.
    #[graphql(default)]
    pub extras: Vec<ExtraInput>,
    /// VAT rates to add; the latest rate that has begun applies.
    #[graphql(default)]
    pub vat: Vec<VatRateInput>,
    /// The ids or codes of pizzas, drinks and desserts to withdraw.
    #[graphql(default)]
    pub withdrawn: Vec<ID>,
    /// The ids or codes of the ingredients of extras to withdraw.
    #[graphql(default)]
    pub withdrawn_extras: Vec<ID>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { menu: Menu, Menu::of_result;
    /// The current menu, without a pizzeria's availability.
    PublishMenuPayload,
}

/// Mutations of the menu.
#[derive(Debug, Default)]
pub struct MenuMutation;

/// Mutations of the menu.
#[Object]
impl MenuMutation {
    /// Publishes a new version of the group's menu. Existing orders keep their prices and recipes.
    #[graphql(directive = requires::apply(Permission::PublishMenu))]
    async fn publish_menu(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: PublishMenuInput,
    ) -> Result<PublishMenuPayload, ApiError> {
        ctx.caller()?.reach(Scope::Group)?;
        settled(ctx, publish(ctx, input).await)
    }
}

/// Reads the whole input and publishes it.
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

/// Upper bound on the items of one list.
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
    // A percentage with two decimals is an integer number of hundredths of a percent.
    let mut rate = |name, percent| {
        let hundredths = problems.amount(at.field(name), percent)?;
        Some(VatRate(u32::try_from(hundredths.0).unwrap_or(u32::MAX)))
    };
    let (away, on_site) = (rate("away", given.away), rate("onSite", given.on_site));
    Some(vat::DatedRate { from: given.from.0, class: given.class.into(), away: away?, on_site: on_site? })
}

/// Returns the path of the input that a refusal concerns.
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
        MenuError::UnitFixed { ingredient, .. } => at("ingredients", listed(ingredient.as_str()), "unit"),
        MenuError::InvalidRate => Some(Path::from("vat").parts()),
    }
}

/// A pizza's prices and recipes belong to its sizes.
fn in_sizes(mut path: Vec<String>) -> Vec<String> {
    let of_a_size = ["price", "recipe"].iter().any(|name| path.last().is_some_and(|last| last == name));
    if of_a_size && path.get(1).is_some_and(|list| list == "pizzas") {
        path.pop();
        path.push("sizes".to_owned());
    }
    path
}

/// Returns the path of the first recipe that names an ingredient.
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
