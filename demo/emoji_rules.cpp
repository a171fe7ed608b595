#include "demo/emoji_rules.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <regex>

namespace clipdex::demo {
namespace {

struct Rule {
  std::string_view family;
  const char* name;  // of the whole English name
};

// What a person would type finds one emoji, not one of a dozen that differ in a detail: of such families one stays, or none.
constexpr Rule kLeftOut[] = {
    {"clock faces", ".* o'clock|.*-thirty"},
    {"flags of countries, families, kinds of hair", ".*:.*"},
    {"buttons and boxes with letters or signs",
     ".* button( .*)?|input .*|circled M|keycap.*|ATM sign|.*'s room|restroom|water closet|baby symbol|passport control|customs|"
     "baggage claim|left luggage|litter in bin sign|(non-)?potable water|cinema|antenna bars|wireless|vibration mode|mobile phone off|"
     "place of worship|heart decoration|check box .*|name badge|Japanese symbol for beginner|wheelchair symbol|currency exchange"},
    {"signs that forbid", "no (bicycles|littering|pedestrians|mobile phones|one under eighteen)"},
    {"arrows", "(?!bow and|heart with).* arrows?|.* arrow curving.*|hollow .*quadrant.*"},
    {"moon phases",
     "(new|(first|last) quarter|(waxing|waning) (crescent|gibbous)|full) moon face|new moon|(first|last) quarter moon|"
     "(waxing|waning) .* moon"},
    {"religious signs that are boxes of one colour", "orthodox cross|dotted six-pointed star|khanda|wheel of dharma|atom symbol"},
    {"hair without a head", "(red|curly|white) hair|bald"},
    {"shapes that differ in size only",
     "(white|black) (medium|small|medium-small) square|small (orange|blue) diamond|red triangle pointed down|diamond with a dot"},
    {"strokes",
     "wavy dash|(double )?curly loop|part alternation mark|eight-spoked asterisk|eight-pointed star|sparkle|white .* mark|"
     "heavy equals sign|.*bubble|(left|right) .* bubble"},
    {"genders of persons where there is a neutral picture or a common word",
     "(men|women|woman and man) holding hands|pregnant (man|person)|person with crown|Mx Claus|older person|merperson|"
     "(man|woman) (in tuxedo|with veil)"},
    {"gestures that differ in direction only",
     "(leftwards|rightwards) .*|palm (up|down) hand|raised back of hand|(left|right)-facing fist|backhand index pointing (left|up|down)|"
     "hand with fingers splayed|index pointing at the viewer|head shaking (horizontally|vertically)|hand with index finger and thumb "
     "crossed"},
    {"faces that differ in the eyes only",
     "grinning face with smiling eyes|kissing face with (closed|smiling) eyes|slightly frowning face|frowning face with open mouth|"
     "hushed face|grinning face with big eyes|beaming face with smiling eyes|persevering face|weary face|expressionless face|"
     "anguished face|slightly smiling face|sad but relieved face|grinning cat with smiling eyes"},
    {"the same thing from the front", "oncoming (police car|bus|taxi|automobile)|front-facing .*"},
    {"the same thing in another state",
     "speaker (low|medium) volume|(closed|open) mailbox with lowered flag|open mailbox with raised flag|magnifying glass tilted right|"
     "open file folder|camera with flash|locked with pen|hourglass not done|snowman without snow|sun behind (small|large) cloud|"
     "incoming envelope|outbox tray|tear-off calendar|spiral calendar|page with curl|round pushpin|musical notes|busts in silhouette|"
     "globe showing (Americas|Asia-Australia)|tram car|bright button|linked paperclips|brown mushroom|rolled-up newspaper|"
     "double exclamation mark|bookmark tabs|clinking beer mugs|railway car|light rail|spiral notepad|ledger|notebook with decorative "
     "cover"},
};

constexpr char32_t kJoiner = 0x200d;

char32_t next_code_point(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = std::min<std::size_t>(first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4, text.size());
  char32_t point = length == 1 ? first : first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
  text.remove_prefix(length);
  return point;
}

bool within(char32_t point, char32_t first, char32_t last) { return point >= first && point <= last; }

// What the code points say by themselves.
std::string_view left_out_by_code_points(std::string_view sequence) {
  std::vector<char32_t> points;
  while (!sequence.empty()) points.push_back(next_code_point(sequence));
  if (points.empty() || points[0] < 0x2300) return "characters of text";
  const auto any = [&points](auto matches) { return std::any_of(points.begin(), points.end(), matches); };
  if (any([](char32_t point) { return within(point, 0x1f3fb, 0x1f3ff); })) return "skin tones";
  if (points.size() > 1 && points[1] == kJoiner) {
    constexpr char32_t kMermaid = 0x1f9dc, kFemale = 0x2640;
    const bool mermaid = points[0] == kMermaid && points.back() == kFemale;
    const bool gendered =
        points[0] == 0x1f468 || points[0] == 0x1f469 || any([](char32_t point) { return point == 0x2640 || point == 0x2642; });
    if (gendered && !mermaid) return "genders of persons where there is a neutral picture";
    if (any([](char32_t point) { return point == 0x27a1; })) return "the same thing facing right";
  }
  if (points.size() == 1) {
    if (within(points[0], 0x2648, 0x2653) || points[0] == 0x26ce) return "zodiac signs";
    if (within(points[0], 0x2900, 0x297f) || within(points[0], 0x2b05, 0x2b07)) return "arrows";
    if (within(points[0], 0x3000, 0x32ff) || within(points[0], 0x1f100, 0x1f2ff)) return "letters and ideographs";
  }
  return "";
}

}  // namespace

struct EmojiRules::Pattern {
  std::string_view family;
  std::regex name;
};

EmojiRules::EmojiRules() {
  for (const auto& rule : kLeftOut) patterns_.push_back({rule.family, std::regex(rule.name)});
}

EmojiRules::~EmojiRules() = default;

std::string_view EmojiRules::left_out(std::string_view sequence, const std::string& name) const {
  const auto family = left_out_by_code_points(sequence);
  if (!family.empty()) return family;
  for (const auto& pattern : patterns_) {
    if (std::regex_match(name, pattern.name)) return pattern.family;
  }
  return "";
}

}  // namespace clipdex::demo
