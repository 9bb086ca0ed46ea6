//! Which call does what.

use crate::api::s3::{
    AbortMultipartUploadOutput, CreateMultipartUploadOutput, DeleteBucketOutput, GetObjectOutput,
    HeadObjectOutput, ListMultipartUploadsOutput, PutBucketPolicyOutput, PutBucketVersioningOutput, Request,
};
use crate::api::{ApiError, Response};
use crate::world::{SiteIndex, World};

impl World {
    pub(crate) fn carry_out_s3(&mut self, site: SiteIndex, request: Request) -> Result<Response, ApiError> {
        use Request as R;
        let account = self.fleet.sites[site as usize].account.clone();
        self.check_region(site, &request)?;
        match request {
            R::CreateBucket(input) => {
                let region = self.fleet.sites[site as usize].region.clone();
                self.s3.create_bucket(&account, &region, &input, self.now).map(Into::into)
            }
            R::DeleteBucket(input) => {
                self.s3.delete_bucket(&account, &input.bucket).map(|()| DeleteBucketOutput {}.into())
            }
            R::HeadBucket(input) => self.s3.head_bucket(&account, &input.bucket).map(Into::into),
            R::GetBucketLocation(input) => self.s3.location(&account, &input.bucket).map(Into::into),
            R::ListBuckets(_) => Ok(self.s3.list_buckets(&account).into()),
            R::PutBucketVersioning(input) => {
                self.s3.put_versioning(&account, &input).map(|()| PutBucketVersioningOutput {}.into())
            }
            R::GetBucketVersioning(input) => self.s3.versioning(&account, &input.bucket).map(Into::into),
            R::PutBucketPolicy(input) => {
                self.s3.put_policy(&account, &input).map(|()| PutBucketPolicyOutput {}.into())
            }
            R::GetBucketPolicy(input) => self.s3.policy(&account, &input.bucket).map(Into::into),
            request => self.carry_out_objects(&account, request),
        }
    }

    fn carry_out_objects(&mut self, account: &str, request: Request) -> Result<Response, ApiError> {
        use Request as R;
        let now = self.now;
        match request {
            R::PutObject(input) => self.s3.put_object(account, *input, now).map(Into::into),
            R::GetObject(input) => {
                let version = input.version_id.as_deref();
                let object = self.s3.object_facts(account, &input.bucket, &input.key, version)?;
                Ok(GetObjectOutput { object }.into())
            }
            R::HeadObject(input) => {
                let version = input.version_id.as_deref();
                let object = self.s3.object_facts(account, &input.bucket, &input.key, version)?;
                Ok(HeadObjectOutput { object }.into())
            }
            R::DeleteObject(input) => self.s3.delete_object(account, &input, now).map(Into::into),
            R::ListObjectsV2(input) => self.s3.list_objects(account, &input).map(Into::into),
            R::CreateMultipartUpload(input) => {
                let upload_id = self.next_uuid("upload").replace('-', "");
                self.s3.begin_upload(account, *input, &upload_id, now)?;
                Ok(CreateMultipartUploadOutput { upload_id }.into())
            }
            R::UploadPart(input) => self.s3.put_part(account, *input, now).map(Into::into),
            R::CompleteMultipartUpload(input) => {
                self.s3.complete_upload(account, *input, now).map(Into::into)
            }
            R::AbortMultipartUpload(input) => {
                self.s3.abort_upload(account, &input.bucket, &input.key, &input.upload_id)?;
                Ok(AbortMultipartUploadOutput {}.into())
            }
            R::ListParts(input) => self.s3.list_parts(account, &input).map(Into::into),
            R::ListMultipartUploads(input) => {
                let uploads = self.s3.list_uploads(account, &input.bucket, &input.prefix)?;
                Ok(ListMultipartUploadsOutput { uploads }.into())
            }
            _ => Err(ApiError::unknown_operation()),
        }
    }

    /// A bucket is reached in its own Region only.
    fn check_region(&self, site: SiteIndex, request: &Request) -> Result<(), ApiError> {
        let (bucket, _) = request.place();
        let Ok(bucket) = self.s3.bucket(bucket) else { return Ok(()) };
        let region = &self.fleet.sites[site as usize].region;
        if bucket.region == *region || matches!(request, Request::CreateBucket(_)) {
            return Ok(());
        }
        let message = format!(
            "The authorization header is malformed; the region '{region}' is wrong; expecting '{}'",
            bucket.region
        );
        Err(ApiError::client("AuthorizationHeaderMalformed", message))
    }

    /// Buckets and what lies in them.
    pub fn store(&self) -> &super::Store {
        &self.s3
    }
}
