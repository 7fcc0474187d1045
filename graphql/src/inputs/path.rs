//! Path of a value in a mutation's input: `["input", "lines", "0", "quantity"]`. Allocates only when it is
//! written out.

/// A path into the input.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The argument `input` itself.
    Input,
    /// A field of the parent; a dot in the name separates nested fields.
    Field(&'a Path<'a>, &'a str),
    /// An item of the parent list, by index from 0.
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// Returns the path of a field below this one.
    pub fn field<'a>(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    /// Returns the path of an item of the list at this path.
    pub fn item(&self, index: usize) -> Path<'_> {
        Path::Item(self, index)
    }

    /// Returns the parts, as `UserError.field` shows them.
    pub fn parts(&self) -> Vec<String> {
        match self {
            Self::Input => vec!["input".to_owned()],
            Self::Field(of, name) => {
                let mut parts = of.parts();
                parts.extend(name.split('.').map(str::to_owned));
                parts
            }
            Self::Item(of, index) => {
                let mut parts = of.parts();
                parts.push(index.to_string());
                parts
            }
        }
    }
}

/// The path of a field of the input, by its name.
impl<'a> From<&'a str> for Path<'a> {
    fn from(name: &'a str) -> Self {
        Self::Field(&Path::Input, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_paths_from_the_argument_down() {
        let lines = Path::from("lines");
        let line = lines.item(3);
        assert_eq!(line.field("quantity").parts(), ["input", "lines", "3", "quantity"]);
        assert_eq!(
            Path::from("contact.address").field("street").parts().join("/"),
            "input/contact/address/street"
        );
        assert_eq!(Path::Input.parts(), ["input"]);
    }
}
