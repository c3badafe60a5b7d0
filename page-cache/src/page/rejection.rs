//! Why a value of Django's cache is not served.

use super::Refusal;
use super::pickle::PickleError;
use crate::outcome::{Failure, Miss, Outcome};

/// A [`Refusal`], and for what cannot be decoded where it goes wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{why}")]
pub struct Rejection {
    /// The word for it.
    pub why: Refusal,
    /// What is wrong with the pickle, for the log.
    pub error: Option<PickleError>,
}

impl From<Refusal> for Rejection {
    fn from(why: Refusal) -> Self {
        Self { why, error: None }
    }
}

impl From<Miss> for Rejection {
    fn from(why: Miss) -> Self {
        Refusal::from(why).into()
    }
}

impl From<Failure> for Rejection {
    fn from(why: Failure) -> Self {
        Refusal::from(why).into()
    }
}

impl From<PickleError> for Rejection {
    fn from(error: PickleError) -> Self {
        Self { why: Failure::Undecodable.into(), error: Some(error) }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        rejection.why
    }
}

impl From<Rejection> for Outcome {
    fn from(rejection: Rejection) -> Self {
        rejection.why.into()
    }
}
