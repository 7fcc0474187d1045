//! Comments: free text beside the reason of an action, kept outside the log.

use async_graphql::{Context, Enum, SimpleObject};
use domain::note::{NoteRef, Reason};

use super::enums::mirror;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::loaders::NoteText;

domain::for_each_comment_subject!(mirror! {
    /// The subject of a comment.
    CommentSubject = "domain::note::CommentSubject"
});

/// A comment by staff or a customer, added to the reason of an action.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Comment {
    /// The subject.
    pub about: CommentSubject,
    /// The text; `null` once erased.
    pub text: Option<String>,
}

impl Comment {
    /// Loads the comments behind note references.
    ///
    /// # Errors
    /// Fails when the database does not answer.
    pub(super) async fn load(
        ctx: &Context<'_>,
        notes: Vec<(CommentSubject, NoteRef)>,
    ) -> Result<Vec<Self>, ApiError> {
        let mut comments = Vec::new();
        for (about, note) in notes {
            comments.push(Self { about, text: text_of(ctx, Some(&note)).await? });
        }
        Ok(comments)
    }
}

/// Loads the text of a reason; empty if it has none, and once erased.
pub(super) async fn text_of_reason(
    ctx: &Context<'_>,
    reason: Option<&Reason>,
) -> Result<Option<String>, ApiError> {
    let Some(reason) = reason else { return Ok(None) };
    let noted = text_of(ctx, reason.note.as_ref()).await?;
    Ok(Some(noted.unwrap_or_else(|| reason.text.clone())))
}

/// Loads the text of a note; `None` without a note, and once erased.
pub(super) async fn text_of(ctx: &Context<'_>, note: Option<&NoteRef>) -> Result<Option<String>, ApiError> {
    match note {
        Some(note) => ctx.loaders()?.load_one(NoteText(note.id)).await,
        None => Ok(None),
    }
}
