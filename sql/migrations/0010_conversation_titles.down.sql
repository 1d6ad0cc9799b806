DROP TABLE memory_conversations;
