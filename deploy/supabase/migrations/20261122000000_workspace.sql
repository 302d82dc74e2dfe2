-- The workspace of an app's users: the private bucket `workspace-temp`, where each user has the folder named by their id, and
-- the table `workspace_assets`, one row for each picture or film made for them. How to apply it, and what it promises:
-- docs/supabase-workspace.md. It may be run again at any time; it changes nothing that is as it should be.
--
-- The worker writes with the service key, which no policy binds. A user lists, reads and discards what is theirs. Nobody else
-- sees that it is there.

-- A table of that name that is there already keeps its rows and its other columns; or this stops before anything is changed.
DO $$
DECLARE
    lacking text;
BEGIN
    SELECT string_agg(wanted, ', ') INTO lacking
    FROM unnest(ARRAY['user_id', 'job_id', 'asset_index', 'asset_type', 'temp_storage_path', 'thumbnail_path', 'file_size_bytes',
        'mime_type', 'duration_seconds', 'generation_seed', 'original_prompt', 'model_used', 'generation_settings', 'created_at',
        'expires_at']) AS wanted
    WHERE NOT EXISTS (SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('public.workspace_assets') AND attname = wanted AND NOT attisdropped);
    IF to_regclass('public.workspace_assets') IS NOT NULL AND lacking IS NOT NULL THEN
        RAISE EXCEPTION 'public.workspace_assets was there before and has no column %', lacking
            USING HINT = 'Add them, or move that table away: ALTER TABLE public.workspace_assets RENAME TO another_name';
    END IF;
END
$$;

INSERT INTO storage.buckets (id, name, public) VALUES ('workspace-temp', 'workspace-temp', false)
ON CONFLICT (id) DO UPDATE SET public = false WHERE storage.buckets.public IS DISTINCT FROM false;

-- In one statement, so that no request comes between a policy that goes and the one that replaces it.
DO $$
BEGIN
    DROP POLICY IF EXISTS "rushes_own_folder workspace-temp" ON storage.objects;
    CREATE POLICY "rushes_own_folder workspace-temp" ON storage.objects FOR ALL TO authenticated
        USING (bucket_id = 'workspace-temp' AND (storage.foldername(name))[1] = (SELECT auth.uid())::text)
        WITH CHECK (bucket_id = 'workspace-temp' AND (storage.foldername(name))[1] = (SELECT auth.uid())::text);

    -- Policies add up: one of the app's own that says "who is signed in may read every bucket" would open this one too. What is
    -- restrictive holds beside all others. And a name may have `..` in it, which the storage keeps as it stands, while whoever
    -- makes an address of it, with the service key, ends in the folder of somebody else.
    DROP POLICY IF EXISTS "rushes_nobody_else workspace-temp" ON storage.objects;
    CREATE POLICY "rushes_nobody_else workspace-temp" ON storage.objects AS RESTRICTIVE FOR ALL TO public
        USING (bucket_id IS DISTINCT FROM 'workspace-temp'
            OR ((storage.foldername(name))[1] = (SELECT auth.uid())::text AND name !~ '(^|/)\.\.?(/|$)'))
        WITH CHECK (bucket_id IS DISTINCT FROM 'workspace-temp'
            OR ((storage.foldername(name))[1] = (SELECT auth.uid())::text AND name !~ '(^|/)\.\.?(/|$)'));
END
$$;

-- No reference to auth.users: a row outlives its user until whoever clears the workspace has found the objects by it.
CREATE TABLE IF NOT EXISTS public.workspace_assets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    job_id text NOT NULL CHECK (job_id <> ''),
    asset_index integer NOT NULL CHECK (asset_index >= 0),
    asset_type text NOT NULL CHECK (asset_type IN ('image', 'video')),
    temp_storage_path text NOT NULL,
    thumbnail_path text,
    file_size_bytes bigint NOT NULL CHECK (file_size_bytes > 0),
    mime_type text NOT NULL,
    duration_seconds double precision CHECK (duration_seconds >= 0),
    generation_seed numeric(20) CHECK (generation_seed >= 0),
    original_prompt text,
    model_used text,
    generation_settings jsonb DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- New tables may be open to everybody by default: closed first, then opened as far as needed.
ALTER TABLE public.workspace_assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.workspace_assets FORCE ROW LEVEL SECURITY;
REVOKE ALL ON public.workspace_assets FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, DELETE ON public.workspace_assets TO authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workspace_assets TO service_role;

DO $$
DECLARE
    mine text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint
        WHERE conrelid = 'public.workspace_assets'::regclass AND conname = 'workspace_assets_job_id_asset_index_key') THEN
        ALTER TABLE public.workspace_assets ADD CONSTRAINT workspace_assets_job_id_asset_index_key UNIQUE (job_id, asset_index);
    END IF;
    -- Whoever acts on a row with the service key, copying or deleting what it names, must not be sent into another's folder.
    IF NOT EXISTS (SELECT FROM pg_constraint
        WHERE conrelid = 'public.workspace_assets'::regclass AND conname = 'workspace_assets_own_paths') THEN
        ALTER TABLE public.workspace_assets ADD CONSTRAINT workspace_assets_own_paths CHECK (
            starts_with(temp_storage_path, user_id::text || '/') AND temp_storage_path !~ '(^|/)\.\.?(/|$)'
            AND (thumbnail_path IS NULL
                OR (starts_with(thumbnail_path, user_id::text || '/') AND thumbnail_path !~ '(^|/)\.\.?(/|$)'))
        ) NOT VALID;
    END IF;

    -- Compared in the type the column has, so that its index is of use.
    SELECT CASE atttypid WHEN 'uuid'::regtype THEN 'user_id = (SELECT auth.uid())' ELSE 'user_id = (SELECT auth.uid())::text' END
    INTO mine FROM pg_attribute WHERE attrelid = 'public.workspace_assets'::regclass AND attname = 'user_id';
    DROP POLICY IF EXISTS rushes_own_rows_read ON public.workspace_assets;
    EXECUTE format('CREATE POLICY rushes_own_rows_read ON public.workspace_assets FOR SELECT TO authenticated USING (%s)', mine);
    DROP POLICY IF EXISTS rushes_own_rows_discard ON public.workspace_assets;
    EXECUTE format('CREATE POLICY rushes_own_rows_discard ON public.workspace_assets FOR DELETE TO authenticated USING (%s)', mine);
    -- None lets a user insert or update: they could take the place of another's result, name another's file as theirs, or
    -- never let one expire. This one holds even beside a policy that would.
    DROP POLICY IF EXISTS rushes_nobody_else ON public.workspace_assets;
    EXECUTE format('CREATE POLICY rushes_nobody_else ON public.workspace_assets AS RESTRICTIVE FOR ALL TO public
        USING (%s) WITH CHECK (%s)', mine, mine);
END
$$;

CREATE INDEX IF NOT EXISTS workspace_assets_by_user ON public.workspace_assets (user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS workspace_assets_by_expiry ON public.workspace_assets (expires_at);
-- What Rushes keeps of a row stands below `rushes`; it finds its records there, those of thumbnails too.
CREATE INDEX IF NOT EXISTS workspace_assets_by_asset
    ON public.workspace_assets ((generation_settings -> 'rushes' ->> 'asset'));
CREATE INDEX IF NOT EXISTS workspace_assets_by_thumbnail
    ON public.workspace_assets ((generation_settings -> 'rushes' -> 'thumbnail' ->> 'asset'));

-- Seven days after it was made, which a column's default cannot say of another column.
CREATE OR REPLACE FUNCTION public.workspace_assets_expire() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    new.created_at = coalesce(new.created_at, now());
    new.expires_at = coalesce(new.expires_at, new.created_at + interval '168 hours');
    RETURN new;
END
$$;
REVOKE ALL ON FUNCTION public.workspace_assets_expire() FROM PUBLIC, anon, authenticated, service_role;
CREATE OR REPLACE TRIGGER workspace_assets_expire BEFORE INSERT ON public.workspace_assets
    FOR EACH ROW EXECUTE FUNCTION public.workspace_assets_expire();
