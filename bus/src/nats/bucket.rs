//! The bucket: how it is made, and what it serves.

use async_nats::StatusCode;
use async_nats::jetstream::stream::{
    Config, DirectGetError, DirectGetErrorKind, DiscardPolicy, Republish, StorageType,
};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;

use super::subjects::{BUCKET_STREAM, BUCKET_SUBJECTS, REPUBLISHED};

/// Makes the stream as it should be, or changes it to that. What is stored stays.
pub(super) async fn prepare(
    context: &Context,
    replicas: usize,
    max_bytes: i64,
) -> Result<(), jetstream::context::CreateStreamError> {
    let config = Config {
        name: BUCKET_STREAM.to_owned(),
        description: Some("Parapet's bundles; written by its operator".to_owned()),
        subjects: vec![BUCKET_SUBJECTS.to_owned()],
        max_messages_per_subject: 1,
        max_bytes,
        storage: StorageType::File,
        num_replicas: replicas,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        republish: Some(Republish {
            source: BUCKET_SUBJECTS.to_owned(),
            destination: REPUBLISHED.to_owned(),
            headers_only: false,
        }),
        ..Config::default()
    };
    context.create_or_update_stream(config).await.map(drop)
}

/// What is stored under a subject.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Its place in the stream: what the next one names when it replaces it.
    pub(super) sequence: u64,
    /// The message.
    pub(super) message: Bytes,
}

/// Why nothing could be got.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum GetError {
    /// Nobody answers for the stream: it does not exist, or its server is not ready yet.
    #[error("the bucket does not exist, or is not ready yet")]
    NoStream,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl GetError {
    pub(super) fn of(error: &DirectGetError) -> Self {
        match error.kind() {
            DirectGetErrorKind::ErrorResponse(status, _) if status == StatusCode::NO_RESPONDERS => {
                Self::NoStream
            }
            DirectGetErrorKind::NotFound
            | DirectGetErrorKind::InvalidSubject
            | DirectGetErrorKind::TimedOut
            | DirectGetErrorKind::Request
            | DirectGetErrorKind::ErrorResponse(..)
            | DirectGetErrorKind::Other => Self::Failed(error.to_string()),
        }
    }
}

/// Gets what is stored, without any consumer; none when nothing is.
pub(super) async fn get(context: &Context, subject: String) -> Result<Option<Stored>, GetError> {
    let stream = context
        .get_stream_no_info(BUCKET_STREAM)
        .await
        .map_err(|error| GetError::Failed(error.to_string()))?;
    match stream.direct_get_last_for_subject(subject).await {
        Ok(found) => Ok(Some(Stored {
            sequence: found.sequence,
            message: found.payload,
        })),
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
        Err(error) => Err(GetError::of(&error)),
    }
}
