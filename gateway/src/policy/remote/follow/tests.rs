use parapet_bus::envelope::{Issue, sign};
use parapet_bus::keys::{DigestKey, OpeningKeys, SigningKey, generate};
use parapet_bus::nats::{ConnectConfig, Credentials, Role, connect};
use parapet_bus::plain::Plain;
use parapet_policy::bundle::wire::VALIDITY;
use parapet_policy::bundle::{Bundle, Revision};

use super::*;
use crate::policy::remote::Pod;

/// Signs empty policies of one installation.
struct Operator {
    key: SigningKey,
    dir: tempfile::TempDir,
}

impl Operator {
    fn new() -> Self {
        let key = SigningKey::from_text(&generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("trusted"), key.public_text()).unwrap();
        Self { key, dir }
    }

    fn message(&self, epoch: u64, generation: u64) -> (Bytes, Manifest) {
        let opening = OpeningKeys::from_texts([generate().unwrap().as_str()]).unwrap();
        let digest = DigestKey::from_text(&generate().unwrap()).unwrap();
        let plain = Plain::new(Bundle::default(), Vec::new(), |_| None, &digest);
        let packed = plain
            .pack("here", opening.sealing_keys().next().unwrap())
            .unwrap();
        let issue = Issue {
            class: "default".into(),
            revision: Revision { epoch, generation },
            issued_at: SystemTime::now(),
            not_after: SystemTime::now() + VALIDITY,
        };
        let signed = sign(&packed, issue, &[&self.key]).unwrap();
        (signed.message, signed.manifest)
    }

    /// A gateway that has begun to prepare a message and does not get done with it.
    async fn busy_follower(&self, with: (Bytes, Manifest)) -> Follower {
        // Nobody listens there, and nothing is read in this test.
        let nowhere = ConnectConfig {
            urls: vec!["nats://127.0.0.1:1".to_owned()],
            name: "test".to_owned(),
            role: Role::Gateway,
            credentials: Credentials::None,
            ca_file: None,
        };
        let connection = connect(&nowhere).await.unwrap();
        let (message, manifest) = with;
        let under_way = UnderWay {
            task: tokio::spawn(std::future::pending()),
            manifest,
            cached: Cached {
                message,
                body: None,
            },
        };
        Follower {
            reader: BundleReader::new(&connection, "default"),
            config: Arc::new(RemoteConfig {
                installation: "here".into(),
                class: "default".into(),
                trusted_keys: self.dir.path().join("trusted"),
                gateway_keys: self.dir.path().join("opening"),
                cache_dir: None,
                pod: Pod {
                    name: "pod".to_owned(),
                    uid: "uid".to_owned(),
                    namespace: String::new(),
                },
            }),
            status: SharedStatus::default(),
            first: watch::Sender::new(None),
            preparer: None,
            preparing: Some(under_way),
            waiting: None,
            kept: None,
            refused: None,
            news: false,
            again: false,
            jitter: Jitter::new(),
        }
    }
}

#[tokio::test]
async fn the_newest_waits_and_not_the_last_that_came() {
    let operator = Operator::new();
    let mut follower = operator.busy_follower(operator.message(1, 1)).await;
    // What is heard comes at once; what is read may come from a server that is behind.
    let heard = operator.message(1, 3).0;
    follower.consider(heard.clone(), None).await;
    follower.consider(operator.message(1, 2).0, None).await;
    let waits = |follower: &Follower| follower.waiting.as_ref().unwrap().message.clone();
    assert_eq!(waits(&follower), heard, "an older one took its place");
    // The same revision, signed anew, is as good; a newer leader's is better.
    let again = operator.message(1, 3).0;
    follower.consider(again.clone(), None).await;
    assert_eq!(waits(&follower), again);
    let newer = operator.message(2, 1).0;
    follower.consider(newer.clone(), None).await;
    follower.consider(heard, None).await;
    assert_eq!(waits(&follower), newer);
}
