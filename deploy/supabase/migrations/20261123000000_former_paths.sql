-- Lets rows of `workspace_assets` name results in the former buckets, for who writes there (`layout = "legacy"`, docs/workers.md)
-- or did. Apply it after the migration of the workspace; it may be run again at any time, and opens nothing to anybody: who sees
-- which row stays as it is, and what a user may read of the former buckets, your app's own policies say.
--
-- A path there begins with its bucket, and goes on with its user's folder, as every path does.
ALTER TABLE public.workspace_assets DROP CONSTRAINT IF EXISTS workspace_assets_own_paths,
    ADD CONSTRAINT workspace_assets_own_paths CHECK (
        (starts_with(temp_storage_path, user_id::text || '/') OR (split_part(temp_storage_path, '/', 2) = user_id::text AND split_part(temp_storage_path, '/', 1)
            IN ('image7b_fast_enhanced', 'image7b_high_enhanced', 'image_fast', 'image_high', 'sdxl_image_fast',
                'sdxl_image_high', 'video7b_fast_enhanced', 'video7b_high_enhanced', 'video_fast', 'video_high')))
        AND temp_storage_path !~ '(^|/)\.\.?(/|$)'
        AND (thumbnail_path IS NULL OR (
        (starts_with(thumbnail_path, user_id::text || '/') OR (split_part(thumbnail_path, '/', 2) = user_id::text AND split_part(thumbnail_path, '/', 1)
            IN ('image7b_fast_enhanced', 'image7b_high_enhanced', 'image_fast', 'image_high', 'sdxl_image_fast',
                'sdxl_image_high', 'video7b_fast_enhanced', 'video7b_high_enhanced', 'video_fast', 'video_high')))
        AND thumbnail_path !~ '(^|/)\.\.?(/|$)'))
    ) NOT VALID;
