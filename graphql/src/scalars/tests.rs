//! Custom scalars reject invalid values.

use super::*;

#[test]
fn checks_every_scalar_of_the_schema() {
    let sdl = crate::schema::sdl();
    let scalars = sdl.lines().filter_map(|line| line.strip_prefix("scalar ")?.split(' ').next());
    for scalar in scalars.filter(|scalar| *scalar != "JSON") {
        assert!(check(scalar, Value::String("?".to_owned())).is_err(), "{scalar}");
        assert!(check(scalar, Value::Boolean(true)).is_err(), "{scalar}");
    }
    assert_eq!(check("Decimal", Value::String("12.50".to_owned())), Ok(()));
}
