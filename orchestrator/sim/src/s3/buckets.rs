//! What each call does to buckets.

use crate::api::s3::{
    CreateBucketInput, CreateBucketOutput, GetBucketLocationOutput, GetBucketPolicyOutput,
    GetBucketVersioningOutput, HeadBucketOutput, ListBucketsOutput, PutBucketPolicyInput,
    PutBucketVersioningInput,
};
use crate::api::{ApiError, Timestamp};
use crate::clock::WorldTime;

use super::policy::Policy;
use super::store::{Bucket, Store, denied, is_bucket_name, no_such_bucket};

/// The Region that has no name of its own in location constraints.
const FIRST_REGION: &str = "us-east-1";

impl Store {
    pub(super) fn create_bucket(
        &mut self,
        account: &str,
        region: &str,
        input: &CreateBucketInput,
        now: WorldTime,
    ) -> Result<CreateBucketOutput, ApiError> {
        if !is_bucket_name(&input.bucket) {
            return Err(ApiError::client("InvalidBucketName", "The specified bucket is not valid."));
        }
        let wanted = input.location_constraint.as_deref().unwrap_or(FIRST_REGION);
        if wanted != region {
            let message = format!(
                "The {wanted} location constraint is incompatible for the region specific endpoint this request was \
                 sent to."
            );
            return Err(ApiError::client("IllegalLocationConstraintException", message));
        }
        match self.buckets.get(&input.bucket) {
            // Only there, and for old times' sake, a second creation is a success.
            Some(bucket) if bucket.owner == account && region == FIRST_REGION => {}
            Some(bucket) if bucket.owner == account => {
                let message =
                    "Your previous request to create the named bucket succeeded and you already own it.";
                return Err(ApiError::client("BucketAlreadyOwnedByYou", message).with_status(409));
            }
            Some(_) => {
                let message = "The requested bucket name is not available. The bucket namespace is shared by all \
                               users of the system. Please select a different name and try again.";
                return Err(ApiError::client("BucketAlreadyExists", message).with_status(409));
            }
            None => {
                self.buckets.insert(input.bucket.clone(), Bucket::new(account, region, now));
            }
        }
        Ok(CreateBucketOutput { location: format!("/{}", input.bucket) })
    }

    pub(super) fn delete_bucket(&mut self, account: &str, name: &str) -> Result<(), ApiError> {
        let bucket = self.owned(account, name)?;
        if !bucket.objects.is_empty() {
            let message = "The bucket you tried to delete is not empty";
            return Err(ApiError::client("BucketNotEmpty", message).with_status(409));
        }
        self.buckets.remove(name);
        Ok(())
    }

    pub(super) fn head_bucket(&self, account: &str, name: &str) -> Result<HeadBucketOutput, ApiError> {
        let bucket = self.bucket(name)?;
        if !bucket.allows(account, "s3:ListBucket", name, None) {
            return Err(denied());
        }
        Ok(HeadBucketOutput { bucket_region: bucket.region.clone() })
    }

    pub(super) fn location(
        &mut self,
        account: &str,
        name: &str,
    ) -> Result<GetBucketLocationOutput, ApiError> {
        let region = self.owned(account, name)?.region.clone();
        Ok(GetBucketLocationOutput {
            location_constraint: Some(region).filter(|region| region != FIRST_REGION),
        })
    }

    pub(super) fn list_buckets(&self, account: &str) -> ListBucketsOutput {
        let own = self.buckets.iter().filter(|(_, bucket)| bucket.owner == account);
        let buckets =
            own.map(|(name, bucket)| (name.clone(), Timestamp::from_millis(bucket.created.millis())));
        ListBucketsOutput { owner: account.to_owned(), buckets: buckets.collect() }
    }

    pub(super) fn put_versioning(
        &mut self,
        account: &str,
        input: &PutBucketVersioningInput,
    ) -> Result<(), ApiError> {
        self.owned(account, &input.bucket)?.versioning = Some(input.enabled);
        Ok(())
    }

    pub(super) fn versioning(
        &mut self,
        account: &str,
        name: &str,
    ) -> Result<GetBucketVersioningOutput, ApiError> {
        Ok(GetBucketVersioningOutput { enabled: self.owned(account, name)?.versioning })
    }

    pub(super) fn put_policy(&mut self, account: &str, input: &PutBucketPolicyInput) -> Result<(), ApiError> {
        let bucket = self.owned(account, &input.bucket)?;
        let malformed =
            || ApiError::client("MalformedPolicy", "Policies must be valid JSON with statements.");
        bucket.policy = Some(Policy::read(&input.policy).ok_or_else(malformed)?);
        Ok(())
    }

    pub(super) fn policy(&mut self, account: &str, name: &str) -> Result<GetBucketPolicyOutput, ApiError> {
        let none =
            || ApiError::client("NoSuchBucketPolicy", "The bucket policy does not exist").with_status(404);
        let policy = self.owned(account, name)?.policy.as_ref().ok_or_else(none)?;
        Ok(GetBucketPolicyOutput { policy: policy.text.clone() })
    }

    fn owned(&mut self, account: &str, name: &str) -> Result<&mut Bucket, ApiError> {
        let bucket = self.buckets.get_mut(name).ok_or_else(no_such_bucket)?;
        if bucket.owner == account { Ok(bucket) } else { Err(denied()) }
    }
}
