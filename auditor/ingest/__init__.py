"""From files and journals into a store."""
