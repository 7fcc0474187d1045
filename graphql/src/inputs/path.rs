//! Where something stands in a mutation's input: `["input", "lines", "0", "quantity"]`. Costs nothing until it
//! is written out.

/// A place in the input.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The argument `input` itself.
    Input,
    /// A field below; a name with dots is a field of a field.
    Field(&'a Path<'a>, &'a str),
    /// An item of a list, from 0.
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// A field of what stands here.
    pub fn field<'a>(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    /// An item of the list that stands here.
    pub fn item(&self, index: usize) -> Path<'_> {
        Path::Item(self, index)
    }

    /// Written out, as `UserError.field` shows it.
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

/// A field of the input, by its name.
impl<'a> From<&'a str> for Path<'a> {
    fn from(name: &'a str) -> Self {
        Self::Field(&Path::Input, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_from_the_argument_down() {
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
