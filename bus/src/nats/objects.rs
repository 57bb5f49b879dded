//! Bodies that are too large for a message: objects of NATS' object store, read without a consumer.
//!
//! An object store is a stream: a record of each object under `$O.<store>.M.<name>`, and its pieces, in their order, under
//! `$O.<store>.C.<id>`. Clients usually have a consumer deliver the pieces. The right to make consumers lets its holder have
//! stored messages sent to subjects that it may not publish to, so gateways get one piece after the other instead.

use async_nats::jetstream::stream::{Config, DirectGetErrorKind, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::{Bytes, BytesMut};
use parapet_policy::bundle::wire::MAX_COMPRESSED_BYTES;
use serde::Deserialize;

use super::bucket::GetError;
use super::subjects::{OBJECT_STORE, OBJECT_STREAM};

/// Makes the store's stream as it should be, or changes it to that.
pub(super) async fn prepare(
    context: &Context,
    replicas: usize,
    max_bytes: i64,
) -> Result<(), jetstream::context::CreateStreamError> {
    let config = Config {
        name: OBJECT_STREAM.to_owned(),
        description: Some("Bodies of Parapet's large bundles".to_owned()),
        subjects: vec![
            format!("$O.{OBJECT_STORE}.C.>"),
            format!("$O.{OBJECT_STORE}.M.>"),
        ],
        max_bytes,
        storage: StorageType::File,
        num_replicas: replicas,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        allow_direct: true,
        ..Config::default()
    };
    context.create_or_update_stream(config).await.map(drop)
}

/// Stores a body under its hash, unless it is there.
pub(super) async fn put(context: &Context, name: &str, body: &Bytes) -> Result<(), PutError> {
    let store = context
        .get_object_store(OBJECT_STORE)
        .await
        .map_err(|error| PutError(error.to_string()))?;
    let is_there = store
        .info(name)
        .await
        .is_ok_and(|info| !info.deleted && info.size == body.len());
    if !is_there {
        store
            .put(name, &mut &body[..])
            .await
            .map_err(|error| PutError(error.to_string()))?;
    }
    Ok(())
}

/// Deletes all objects but these.
pub(super) async fn keep(context: &Context, names: &[&str]) -> Result<(), PutError> {
    use futures_util::StreamExt as _;
    let failed = |error: &dyn std::fmt::Display| PutError(error.to_string());
    let store = context
        .get_object_store(OBJECT_STORE)
        .await
        .map_err(|error| failed(&error))?;
    let mut list = store.list().await.map_err(|error| failed(&error))?;
    while let Some(info) = list.next().await {
        let info = info.map_err(|error| failed(&error))?;
        if !names.contains(&info.name.as_str()) {
            store
                .delete(&info.name)
                .await
                .map_err(|error| failed(&error))?;
        }
    }
    Ok(())
}

/// Why a body could not be stored.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct PutError(pub(super) String);

/// What the record of an object says, as far as it is needed.
#[derive(Deserialize)]
struct Info {
    nuid: String,
    chunks: usize,
    size: u64,
    #[serde(default)]
    deleted: bool,
}

/// Gets a body; none when it is not there, or not whole. Whether it is the right one says its hash.
pub(super) async fn get(context: &Context, name: &str) -> Result<Option<Bytes>, GetError> {
    let stream = context
        .get_stream_no_info(OBJECT_STREAM)
        .await
        .map_err(|error| GetError::Failed(error.to_string()))?;
    let record = format!("$O.{OBJECT_STORE}.M.{}", URL_SAFE.encode(name));
    let found = match stream.direct_get_last_for_subject(record).await {
        Ok(found) => found,
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(GetError::of(&error)),
    };
    let Ok(info) = serde_json::from_slice::<Info>(&found.payload) else {
        return Ok(None);
    };
    let id_is_good = info.nuid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if info.deleted || info.size > MAX_COMPRESSED_BYTES || !id_is_good {
        return Ok(None);
    }
    let pieces = format!("$O.{OBJECT_STORE}.C.{}", info.nuid);
    let size = usize::try_from(info.size).unwrap_or(0);
    let mut body = BytesMut::with_capacity(size);
    let mut next = 1;
    for _ in 0..info.chunks {
        match stream
            .direct_get_next_for_subject(&pieces, Some(next))
            .await
        {
            Ok(piece) => {
                next = piece.sequence + 1;
                if body.len() + piece.payload.len() > size {
                    return Ok(None);
                }
                body.extend_from_slice(&piece.payload);
            }
            // It is being replaced.
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(GetError::of(&error)),
        }
    }
    Ok((body.len() == size).then(|| body.freeze()))
}
