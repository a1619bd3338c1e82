"""What a design will cost, from its weights and the rules of the synthesis tool."""
