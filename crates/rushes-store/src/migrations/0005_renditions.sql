-- What a destination holds in place of an asset's own bytes: the JSON of a blob, where it asked for a rendition.
ALTER TABLE deliveries ADD COLUMN rendition TEXT;
