-- How a message is signed: as Standard Webhooks has it, or as the app of a workspace does.
ALTER TABLE messages ADD COLUMN style TEXT NOT NULL DEFAULT 'standard';
