//! Workers that make themselves known, with a token: they come again and again, or are forgotten.

use std::time::Duration;

use miden_wire::proto::meze::workers_server::{Workers, WorkersServer};
use miden_wire::proto::meze::{Registered, Registration};
use tonic::{Request, Response, Status};

use crate::start::Members;

/// Who does not come again within this is forgotten.
pub(crate) const WITHIN: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Register {
    members: Members,
    token: blake3::Hash,
}

impl Register {
    /// Takes registrations with this token.
    pub(crate) fn service(members: Members, token: &str) -> WorkersServer<Self> {
        WorkersServer::new(Self { members, token: blake3::hash(token.as_bytes()) }).max_decoding_message_size(4096)
    }

    fn admit(&self, request: Request<Registration>) -> Result<String, Status> {
        let given = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let token = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        // Digests are compared in constant time.
        match blake3::hash(token.as_bytes()) == self.token {
            true => Ok(request.into_inner().address),
            false => Err(Status::unauthenticated("the token of registration is missing or wrong")),
        }
    }

    fn come_again() -> Response<Registered> {
        Response::new(Registered { within_seconds: u32::try_from(WITHIN.as_secs()).unwrap_or(u32::MAX) })
    }
}

#[tonic::async_trait]
impl Workers for Register {
    async fn register(&self, request: Request<Registration>) -> Result<Response<Registered>, Status> {
        let address = self.admit(request)?;
        let registered = self.members.register(&address, WITHIN);
        registered.map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Self::come_again())
    }

    async fn leave(&self, request: Request<Registration>) -> Result<Response<Registered>, Status> {
        let address = self.admit(request)?;
        self.members.leave(&address);
        Ok(Self::come_again())
    }
}
